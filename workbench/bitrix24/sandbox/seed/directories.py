"""What stands before any record: departments, currencies, pipelines, statuses, fields, products."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.bitrix24.sandbox.memory.columns import Row
from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, unix
from workbench.bitrix24.sandbox.seed.story import CHANNELS, PIPELINES

PROCESS, SUCCESS, FAILURE = "#39A8EF", "#7BD500", "#FF5752"


class Product(NamedTuple):
    """An article of the catalogue; ``price`` in EUR, ``weight`` how often it is sold."""

    name: str
    section: str
    price: float
    weight: float


PRODUCTS = (
    Product("Suspension Lumen Ligne 120", "Luminaires", 289.0, 10),
    Product("Suspension Lumen Ligne 180", "Luminaires", 389.0, 8),
    Product("Lampadaire Aube", "Luminaires", 459.0, 9),
    Product("Lampe de bureau Plume", "Luminaires", 129.0, 14),
    Product("Dalle LED 600×600", "Luminaires", 74.5, 16),
    Product("Projecteur sur rail Orion", "Luminaires", 98.0, 10),
    Product("Applique Nacre", "Luminaires", 112.0, 6),
    Product("Module de gestion DALI", "Pilotage", 640.0, 4),
    Product("Capteur de présence", "Pilotage", 58.0, 9),
    Product("Bureau assis-debout Équilibre 160", "Mobilier", 749.0, 12),
    Product("Bureau assis-debout Équilibre 180", "Mobilier", 829.0, 7),
    Product("Bench 4 postes Atelier", "Mobilier", 1890.0, 6),
    Product("Siège Ergo Trame", "Mobilier", 419.0, 14),
    Product("Siège visiteur Trame", "Mobilier", 189.0, 9),
    Product("Table de réunion Ovale 10 places", "Mobilier", 2350.0, 4),
    Product("Cabine acoustique Écoute 1", "Acoustique", 5400.0, 3),
    Product("Cabine acoustique Écoute 4", "Acoustique", 13900.0, 2),
    Product("Panneau acoustique mural", "Acoustique", 164.0, 10),
    Product("Claustra végétalisé", "Acoustique", 980.0, 4),
    Product("Caisson mobile 3 tiroirs", "Mobilier", 215.0, 9),
    Product("Étude d’éclairage", "Services", 1200.0, 5),
    Product("Pose et raccordement (jour)", "Services", 690.0, 9),
    Product("Maintenance annuelle", "Services", 1450.0, 6),
    Product("Reprise de l’ancien mobilier", "Services", 380.0, 4),
)

# The product whose quantity is days of fitting, and makes a building site.
FITTING = next(n for n, p in enumerate(PRODUCTS) if p.name.startswith("Pose et raccordement"))

PROJECT_TYPES = ("Aménagement neuf", "Rénovation", "Remplacement à l’identique", "Extension")
FIRST_OPTION = 51  # ID of the first of PROJECT_TYPES in its enumeration
PROJECT_FIELD = "UF_CRM_TYPE_PROJET"
DELIVERY_FIELD = "UF_CRM_LIVRAISON"
ARCHITECT_FIELD = "UF_CRM_ARCHITECTE"

INDUSTRIES = (
    ("IT", "Informatique et numérique"), ("BANKING", "Banque et assurance"),
    ("CONSULTING", "Conseil"), ("GOVERNMENT", "Collectivités"), ("MANUFACTURING", "Industrie"),
    ("DELIVERY", "Transport et logistique"), ("FINANCE", "Finance"), ("OTHER", "Autre"),
    ("UC_SANTE", "Santé"), ("UC_ENSEIGNEMENT", "Enseignement"), ("UC_HOTEL", "Hôtellerie"),
)  # fmt: skip
EMPLOYEES = (
    ("EMPLOYEES_1", "moins de 50"), ("EMPLOYEES_2", "50 à 250"), ("EMPLOYEES_3", "250 à 500"),
    ("EMPLOYEES_4", "plus de 500"),
)  # fmt: skip
COMPANY_TYPES = (("CUSTOMER", "Client"), ("SUPPLIER", "Fournisseur"), ("PARTNER", "Partenaire"))
CONTACT_TYPES = (("CLIENT", "Client"), ("PARTNER", "Partenaire"), ("OTHER", "Autre"))
DEAL_TYPES = (("SALE", "Vente"), ("COMPLEX", "Projet complet"), ("SERVICES", "Services"))
HONORIFICS = (("HNR_FR_1", "Mme"), ("HNR_FR_2", "M."))


def departments(heads: list[int]) -> list[Row]:
    """Six departments, the company itself at the root; ``heads`` are user identifiers."""
    return [
        {
            "ID": number,
            "NAME": name,
            "SORT": 100 * number,
            "PARENT": None if number == 1 else 1,
            "UF_HEAD": head,
        }
        for number, (name, head) in enumerate(zip(story.DEPARTMENTS, heads, strict=True), 1)
    ]


def currencies() -> list[Row]:
    """EUR is the base; AMOUNT is what AMOUNT_CNT units are worth in it."""
    return [
        {"CURRENCY": "EUR", "AMOUNT": 1.0, "AMOUNT_CNT": 1, "SORT": 100, "BASE": "Y",
         "FULL_NAME": "Euro", "FORMAT_STRING": "# €", "DECIMALS": 2},
        {"CURRENCY": "CHF", "AMOUNT": story.CHF_RATE, "AMOUNT_CNT": 1, "SORT": 200, "BASE": "N",
         "FULL_NAME": "Franc suisse", "FORMAT_STRING": "# CHF", "DECIMALS": 2},
    ]  # fmt: skip


def categories() -> list[Row]:
    """The three deal pipelines and the one of smart invoices."""
    rows: list[Row] = [
        {"ID": p.category_id, "ENTITY_TYPE_ID": 2, "NAME": p.name,
         "SORT": 100 * (n + 1), "IS_DEFAULT": "Y" if p.category_id == 0 else "N"}
        for n, p in enumerate(PIPELINES)
    ]  # fmt: skip
    rows.append(
        {"ID": story.INVOICE_CATEGORY, "ENTITY_TYPE_ID": 31, "NAME": "Général", "SORT": 100,
         "IS_DEFAULT": "Y"}
    )  # fmt: skip
    return rows


def stage_id(category_id: int, code: str) -> str:
    """``NEW`` in the general pipeline, ``C1:NEW`` elsewhere."""
    return code if category_id == 0 else f"C{category_id}:{code}"


def invoice_stage(code: str) -> str:
    """``DT31_11:N``."""
    return f"DT31_{story.INVOICE_CATEGORY}:{code}"


def statuses() -> list[Row]:
    """Rows of crm.status.list: stages of deals, leads and invoices, and the plain directories."""
    rows: list[Row] = []

    def add(owner: str, code: str, name: str, *, category: int | None = None,
            semantics: str = "", color: str = "") -> None:  # fmt: skip
        sort = 10 * (1 + sum(row["ENTITY_ID"] == owner for row in rows))
        default = {"S": SUCCESS, "F": FAILURE}.get(semantics, PROCESS)
        rows.append(
            {"ID": 101 + len(rows), "ENTITY_ID": owner, "STATUS_ID": code, "NAME": name,
             "SORT": sort, "SYSTEM": "N", "CATEGORY_ID": category, "COLOR": color or default,
             "SEMANTICS": semantics or None}
        )  # fmt: skip

    for p in PIPELINES:
        owner = "DEAL_STAGE" if p.category_id == 0 else f"DEAL_STAGE_{p.category_id}"
        category = p.category_id or None
        for code, name, *_shares in p.stages:
            add(owner, stage_id(p.category_id, code), name, category=category)
        add(owner, stage_id(p.category_id, p.won_stage[0]), p.won_stage[1], category=category,
            semantics="S")  # fmt: skip
        for code, name in p.lost_stages:
            add(owner, stage_id(p.category_id, code), name, category=category, semantics="F")
    for code, name, semantics in story.LEAD_STAGES:
        add("STATUS", code, name, semantics=semantics)
    for code, name, semantics in story.INVOICE_STAGES:
        add(f"SMART_INVOICE_STAGE_{story.INVOICE_CATEGORY}", invoice_stage(code), name,
            category=story.INVOICE_CATEGORY, semantics=semantics)  # fmt: skip
    for owner, entries in (
        ("SOURCE", [(c.source_id, c.name) for c in CHANNELS] + [("OTHER", "Autre")]),
        ("INDUSTRY", INDUSTRIES),
        ("EMPLOYEES", EMPLOYEES),
        ("COMPANY_TYPE", COMPANY_TYPES),
        ("CONTACT_TYPE", CONTACT_TYPES),
        ("DEAL_TYPE", DEAL_TYPES),
        ("HONORIFIC", HONORIFICS),
    ):
        for code, name in entries:
            add(owner, code, name)
    return rows


def userfields() -> list[Row]:
    """Three user fields of deals: an enumeration, a date, a text."""
    options = [
        {"ID": str(FIRST_OPTION + n), "SORT": str(10 * (n + 1)), "VALUE": name, "DEF": "N",
         "XML_ID": f"projet_{n + 1}"}
        for n, name in enumerate(PROJECT_TYPES)
    ]  # fmt: skip
    kinds = (
        (PROJECT_FIELD, "enumeration", "Type de projet", options),
        (DELIVERY_FIELD, "date", "Livraison souhaitée", None),
        (ARCHITECT_FIELD, "string", "Architecte", None),
    )
    return [
        {"ID": 301 + n, "ENTITY_ID": "CRM_DEAL", "FIELD_NAME": name, "USER_TYPE_ID": kind,
         "SORT": 100 * (n + 1), "MULTIPLE": "N", "MANDATORY": "N", "LABELS": {"fr": label},
         "LIST": options_}
        for n, (name, kind, label, options_) in enumerate(kinds)
    ]  # fmt: skip


def products(clock: Clock) -> list[Row]:
    """The catalogue, prices in EUR."""
    added = int(unix(np.array([clock.start - 400 * DAY]), clock.timezone)[0])
    return [
        {"ID": n, "NAME": p.name, "CODE": f"AL-{1000 + n}", "ACTIVE": "Y", "PRICE": p.price,
         "CURRENCY_ID": "EUR", "SORT": 10 * n, "DESCRIPTION": p.section, "DESCRIPTION_TYPE": "text",
         "CATALOG_ID": 24, "DATE_CREATE": added, "TIMESTAMP_X": added, "CREATED_BY": 1,
         "MODIFIED_BY": 1, "VAT_INCLUDED": "N"}
        for n, p in enumerate(PRODUCTS, 1)
    ]  # fmt: skip
