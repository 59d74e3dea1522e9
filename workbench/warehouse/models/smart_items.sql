-- title: Items of smart processes
-- grain: one row per smart process (entity_type_id) and item
-- columns:
--   smart_process = the portal's name for the process; semantics = P in work, S success, F failure
--   amount_base in the portal's base currency, at the rate known on the day of creation
-- tests:
--   unique: ["entity_type_id, item_id"]
--   not_null: [entity_type_id, item_id, smart_process, semantics, created_at, created_on]
--   accepted: {semantics: [P, S, F]}
--   holds: ["amount_base IS NOT NULL OR coalesce(amount, 0) = 0"]
WITH items AS (
    SELECT *, local_day(created_at) AS created_on
    FROM staging.smart_items
    WHERE created_at IS NOT NULL
)
SELECT
    items.entity_type_id,
    items.item_id,
    coalesce(types.smart_process, '#' || items.entity_type_id) AS smart_process,
    items.title,
    items.pipeline_id,
    coalesce(pipelines.pipeline, '#' || items.pipeline_id) AS pipeline,
    items.stage_id,
    coalesce(stages.status, items.stage_id) AS stage,
    coalesce(stages.semantics, 'P') AS semantics,
    items.amount,
    items.currency,
    TRY_CAST(items.amount * rates.rate AS DECIMAL(18, 2)) AS amount_base,
    rates.basis AS rate_basis,
    items.created_at,
    items.created_on,
    items.modified_at,
    items.moved_at,
    items.manager_id,
    coalesce(users.manager, '#' || items.manager_id) AS manager,
    items.company_id,
    companies.customer,
    items.contact_id,
    items.lead_id,
    items.deal_id
FROM items
LEFT JOIN staging.smart_types AS types USING (entity_type_id)
LEFT JOIN staging.pipelines AS pipelines
    ON pipelines.entity_type_id = items.entity_type_id
    AND pipelines.pipeline_id = items.pipeline_id
LEFT JOIN staging.statuses AS stages
    ON stages.directory = 'DYNAMIC_' || items.entity_type_id || '_STAGE_' || items.pipeline_id
    AND stages.status_id = items.stage_id
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = items.currency
    AND items.created_on >= rates.from_on
    AND items.created_on < rates.to_on
LEFT JOIN snapshot.users AS users ON users.user_id = items.manager_id
LEFT JOIN staging.companies AS companies ON companies.company_id = items.company_id
ORDER BY items.entity_type_id, items.item_id
