"""Templates, activities and calls with which the tests start processes and follow them."""

from listener import Listener, wait_until
from portal_application import webhook_call

ACTIVITY = {
    "CODE": "md5_action",
    "NAME": {"en": "Hash", "fr": "Empreinte"},
    "PROPERTIES": {"inputString": {"Name": {"en": "Text", "fr": "Texte"}, "Type": "string"}},
    "RETURN_PROPERTIES": {
        "hash": {"Name": "Hash", "Type": "string"},
        "size": {"Name": "Size", "Type": "double"},
    },
}
TEMPLATE = """
name: {name}
title: {{fr: Essai, en: Trial}}
steps:
  - activity: md5_action
    name: first
    properties: {{inputString: "deal {{=Document:TITLE}}"}}
    timeout: {timeout}
  - choose:
      - case: late
        when: [{{value: "{{=first:IsTimeout}}", is: 1}}]
        steps: [{{set_stage: FINAL_INVOICE}}]
      - case: large
        when:
          - {{value: "{{=first:size}}", at_least: 10}}
          - {{value: "{{=first:hash}}", empty: false}}
        steps:
          - set_stage: PREPARATION
          - notify: 1
            message: "hash {{=first:hash}}"
      - case: small
        steps:
          - log: "size {{=first:size}}"
"""


def activity(listener: Listener, **more) -> dict:
    return {**ACTIVITY, "HANDLER": f"{listener.url}/activity", **more}


def add_template(portal, text: str) -> str:
    status, body = webhook_call(portal.url, "sandbox.process.add", {"TEMPLATE": text})
    assert status == 200, body
    return body["result"]


def new_deal(portal, **fields) -> int:
    given = {"TITLE": "Lamps & <b>", "CATEGORY_ID": 0, **fields}
    return webhook_call(portal.url, "crm.deal.add", {"fields": given})[1]["result"]


def start(portal, template: str, deal: int) -> str:
    given = {"TEMPLATE_ID": template, "DOCUMENT_ID": ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"]}
    status, body = webhook_call(portal.url, "bizproc.workflow.start", given)
    assert status == 200, body
    return body["result"]


def process(portal, number: str) -> dict:
    return webhook_call(portal.url, "sandbox.process.get", {"ID": number})[1]["result"]


def ended(portal, number: str, timeout: float = 10) -> dict:
    def done():
        found = process(portal, number)
        return found if found["STATE"] not in ("ready", "waiting") else None

    return wait_until(done, timeout)


def stage(portal, deal: int) -> str:
    return webhook_call(portal.url, "crm.deal.get", {"id": deal})[1]["result"]["STAGE_ID"]


def called(listener: Listener, number: str, timeout: float = 10) -> dict[str, str]:
    """Return the POST that this workflow's activity got."""

    def found():
        return next((p for p in listener.posts if p.get("workflow_id") == number), None)

    return wait_until(found, timeout)
