"""Every entity that a new portal has a table for.

Entities and columns (key first; ``*`` = list of ``{VALUE, VALUE_TYPE}``, ids are given)
    authors    = ASSIGNED_BY_ID CREATED_BY_ID MODIFY_BY_ID DATE_CREATE DATE_MODIFY OPENED
    money      = CURRENCY_ID OPPORTUNITY IS_MANUAL_OPPORTUNITY TAX_VALUE
    moved      = MOVED_BY_ID MOVED_TIME;  last = LAST_ACTIVITY_BY LAST_ACTIVITY_TIME
    utm        = UTM_SOURCE UTM_MEDIUM UTM_CAMPAIGN UTM_CONTENT UTM_TERM
    source     = SOURCE_ID SOURCE_DESCRIPTION;  origin = ORIGINATOR_ID ORIGIN_ID
    person     = HONORIFIC NAME SECOND_NAME LAST_NAME BIRTHDATE POST
    reachable  = HAS_PHONE HAS_EMAIL HAS_IMOL;  multi = PHONE* EMAIL* WEB* IM* LINK*
    address    = ADDRESS ADDRESS_2 ADDRESS_CITY ADDRESS_POSTAL_CODE ADDRESS_REGION ADDRESS_PROVINCE
                 ADDRESS_COUNTRY ADDRESS_COUNTRY_CODE ADDRESS_LOC_ADDR_ID
    deals             ID TITLE TYPE_ID STAGE_ID PROBABILITY money LEAD_ID COMPANY_ID CONTACT_ID
                      QUOTE_ID BEGINDATE CLOSEDATE authors CLOSED COMMENTS ADDITIONAL_INFO
                      LOCATION_ID CATEGORY_ID STAGE_SEMANTIC_ID IS_NEW IS_RECURRING
                      IS_RETURN_CUSTOMER IS_REPEATED_APPROACH source origin moved last utm
    leads             ID TITLE person COMPANY_TITLE COMPANY_ID CONTACT_ID IS_RETURN_CUSTOMER source
                      STATUS_ID STATUS_DESCRIPTION COMMENTS CURRENCY_ID OPPORTUNITY
                      IS_MANUAL_OPPORTUNITY reachable authors DATE_CLOSED STATUS_SEMANTIC_ID origin
                      moved last address utm multi
    contacts          ID person COMMENTS PHOTO LEAD_ID TYPE_ID source COMPANY_ID EXPORT reachable
                      authors origin ORIGIN_VERSION FACE_ID last address utm multi
    companies         ID COMPANY_TYPE TITLE LOGO LEAD_ID reachable authors BANKING_DETAILS INDUSTRY
                      REVENUE CURRENCY_ID EMPLOYEES COMMENTS IS_MY_COMPANY origin ORIGIN_VERSION
                      address ADDRESS_LEGAL REG_ADDRESS… utm last multi
    quotes            ID TITLE STATUS_ID money LEAD_ID DEAL_ID COMPANY_ID CONTACT_ID MYCOMPANY_ID
                      BEGINDATE CLOSEDATE ACTUAL_DATE authors CLOSED COMMENTS QUOTE_NUMBER CONTENT
                      TERMS PERSON_TYPE_ID LOCATION_ID CLIENT_TITLE … utm last
    invoices          ID XML_ID TITLE CREATED_BY UPDATED_BY MOVED_BY CREATED_TIME UPDATED_TIME
                      MOVED_TIME CATEGORY_ID OPENED STAGE_ID PREVIOUS_STAGE_ID BEGINDATE CLOSEDATE
                      COMPANY_ID CONTACT_ID money MYCOMPANY_ID source ASSIGNED_BY_ID WEBFORM_ID
                      PARENT_ID_1 PARENT_ID_2 (= deal) PARENT_ID_7 last utm ACCOUNT_NUMBER COMMENTS
                      LOCATION_ID
    items_<type id>   a smart process's items: as invoices, without the last three; the table comes
                      with its type (`smart_types.add_type`)
    types             ID TITLE CODE ENTITY_TYPE_ID CREATED_BY UPDATED_BY CREATED_TIME UPDATED_TIME
                      FLAGS
    type_relations    ID PARENT_TYPE_ID CHILD_TYPE_ID IS_CHILDREN_LIST_ENABLED: the child's records
                      have PARENT_ID_<parent's type id>
    deal_contacts     ID DEAL_ID CONTACT_ID SORT ROLE_ID IS_PRIMARY; likewise lead_contacts,
                      quote_contacts, item_contacts, contact_companies (see `links`)
    products          ID NAME CODE ACTIVE SORT XML_ID TIMESTAMP_X DATE_CREATE MODIFIED_BY CREATED_BY
                      CATALOG_ID SECTION_ID DESCRIPTION DESCRIPTION_TYPE PRICE CURRENCY_ID VAT_ID
                      VAT_INCLUDED MEASURE
    product_rows      ID OWNER_ID OWNER_TYPE (D L Q SI T80…) PRODUCT_ID PRODUCT_NAME PRICE
                      PRICE_EXCLUSIVE PRICE_NETTO PRICE_BRUTTO QUANTITY DISCOUNT_TYPE_ID
                      DISCOUNT_RATE DISCOUNT_SUM TAX_RATE TAX_INCLUDED CUSTOMIZED MEASURE_CODE
                      MEASURE_NAME SORT XML_ID TYPE STORE_ID
    stage_history     ID ENTITY_TYPE_ID TYPE_ID (1 created 2 moved 3 final 5 other funnel) OWNER_ID
                      CREATED_TIME CATEGORY_ID STAGE_SEMANTIC_ID STAGE_ID
    categories        RECORD ID NAME SORT ENTITY_TYPE_ID IS_DEFAULT ORIGIN_ID ORIGINATOR_ID
    statuses          ID ENTITY_ID STATUS_ID NAME NAME_INIT SORT SYSTEM CATEGORY_ID COLOR
                      SEMANTICS (NULL in work, S, F)
    currencies        RECORD CURRENCY AMOUNT_CNT AMOUNT SORT BASE FULL_NAME LID FORMAT_STRING
                      DEC_POINT THOUSANDS_SEP DECIMALS DATE_UPDATE
    user_fields       ID ENTITY_ID (CRM_DEAL…) FIELD_NAME USER_TYPE_ID XML_ID SORT MULTIPLE
                      MANDATORY SHOW_FILTER SHOW_IN_LIST EDIT_IN_LIST IS_SEARCHABLE
                      SETTINGS LABELS {language: text} LIST [{ID VALUE SORT DEF XML_ID}]
    field_files       ID ENTITY (deals…) RECORD_ID FIELD_NAME NAME SIZE CONTENT (base64): the files
                      of user fields, whose ids the records hold
    users             ID XML_ID ACTIVE NAME LAST_NAME SECOND_NAME EMAIL LAST_LOGIN DATE_REGISTER
                      TIME_ZONE IS_ONLINE PERSONAL_GENDER PERSONAL_BIRTHDAY PERSONAL_PHONE
                      PERSONAL_MOBILE PERSONAL_CITY WORK_PHONE WORK_POSITION UF_EMPLOYMENT_DATE
                      UF_DEPARTMENT [ids] USER_TYPE IS_ADMIN (Y/N) CRM_RIGHTS (own|department|all)
    departments       ID NAME SORT PARENT UF_HEAD
    activities        ID OWNER_ID OWNER_TYPE_ID TYPE_ID PROVIDER_ID PROVIDER_TYPE_ID
                      PROVIDER_GROUP_ID ASSOCIATED_ENTITY_ID SUBJECT CREATED LAST_UPDATED START_TIME
                      END_TIME DEADLINE COMPLETED STATUS RESPONSIBLE_ID PRIORITY NOTIFY_TYPE
                      NOTIFY_VALUE DESCRIPTION DESCRIPTION_TYPE DIRECTION LOCATION ORIGINATOR_ID
                      ORIGIN_ID AUTHOR_ID EDITOR_ID RESULT_MARK SETTINGS COMMUNICATIONS FILES
    timeline_comments ID ENTITY_ID ENTITY_TYPE (deal, lead, dynamic_1036…) CREATED COMMENT
                      AUTHOR_ID FILES
    tasks             ID PARENT_ID TITLE DESCRIPTION PRIORITY STATUS RESPONSIBLE_ID CREATED_BY
                      CHANGED_BY CLOSED_BY GROUP_ID CREATED_DATE CHANGED_DATE CLOSED_DATE DATE_START
                      DEADLINE START_DATE_PLAN END_DATE_PLAN TIME_ESTIMATE MARK UF_CRM_TASK ["D_1"]
                      UF_TASK_WEBDAV_FILES ACCOMPLICES AUDITORS TAGS
    calls             ID PORTAL_USER_ID PORTAL_NUMBER PHONE_NUMBER CALL_ID EXTERNAL_CALL_ID
                      CALL_CATEGORY CALL_DURATION CALL_START_DATE CALL_VOTE COST COST_CURRENCY
                      CALL_FAILED_CODE CALL_FAILED_REASON CRM_ENTITY_TYPE CRM_ENTITY_ID
                      CRM_ACTIVITY_ID REST_APP_ID REST_APP_NAME COMMENT RECORD_DURATION CALL_TYPE
    messages          ID KIND (notify-system, notify-personal, message) DIALOG_ID USER_ID AUTHOR_ID
                      CREATED MESSAGE MESSAGE_OUT TAG SUB_TAG CLIENT_ID SYSTEM ATTACH KEYBOARD
    disk_storages     ID NAME CODE MODULE_ID ENTITY_TYPE ENTITY_ID ROOT_OBJECT_ID
    disk_objects      ID NAME CODE STORAGE_ID TYPE PARENT_ID DELETED_TYPE FILE_ID SIZE CREATE_TIME
                      UPDATE_TIME CREATED_BY UPDATED_BY CONTENT (base64)
"""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.companies import COMPANIES
from workbench.bitrix24.sandbox.crm.contacts import CONTACTS
from workbench.bitrix24.sandbox.crm.currencies import CURRENCIES
from workbench.bitrix24.sandbox.crm.deals import DEALS
from workbench.bitrix24.sandbox.crm.file_fields import FIELD_FILES
from workbench.bitrix24.sandbox.crm.invoices import INVOICES
from workbench.bitrix24.sandbox.crm.leads import LEADS
from workbench.bitrix24.sandbox.crm.links import TABLES as LINKS
from workbench.bitrix24.sandbox.crm.quotes import QUOTES
from workbench.bitrix24.sandbox.crm.relations import RELATIONS
from workbench.bitrix24.sandbox.crm.smart_processes import TYPES
from workbench.bitrix24.sandbox.crm.stages import CATEGORIES, STAGE_HISTORY, STATUSES
from workbench.bitrix24.sandbox.crm.user_fields import USER_FIELDS
from workbench.bitrix24.sandbox.disk.disk import DISK_OBJECTS, STORAGES
from workbench.bitrix24.sandbox.messenger.messages import CHATS, MESSAGES
from workbench.bitrix24.sandbox.people.users import DEPARTMENTS, USERS
from workbench.bitrix24.sandbox.products.products import PRODUCT_ROWS, PRODUCTS
from workbench.bitrix24.sandbox.requisites.requisites import TABLES as REQUISITES
from workbench.bitrix24.sandbox.tasks.task_tables import TABLES as TASK_TABLES
from workbench.bitrix24.sandbox.tasks.tasks import TASKS
from workbench.bitrix24.sandbox.telephony.calls import CALLS, LINES, REGISTERED_CALLS
from workbench.bitrix24.sandbox.timeline.activities import ACTIVITIES
from workbench.bitrix24.sandbox.timeline.activity_tables import BINDINGS
from workbench.bitrix24.sandbox.timeline.timeline import COMMENTS

ENTITIES = (
    LEADS, DEALS, CONTACTS, COMPANIES, QUOTES, INVOICES, TYPES, RELATIONS,
    *LINKS, *REQUISITES, PRODUCTS, PRODUCT_ROWS, STAGE_HISTORY,
    CATEGORIES, STATUSES, CURRENCIES, USER_FIELDS, FIELD_FILES,
    USERS, DEPARTMENTS, ACTIVITIES, BINDINGS, COMMENTS, TASKS, *TASK_TABLES,
    CALLS, REGISTERED_CALLS, LINES, CHATS, MESSAGES, STORAGES, DISK_OBJECTS,
)  # fmt: skip
