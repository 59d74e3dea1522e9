-- title: Stage history of smart processes
-- grain: one row per entry of an item into a stage
-- columns: stage = its present name, its code if it was deleted
-- tests:
--   unique: ["entity_type_id, history_id"]
--   not_null: [entity_type_id, history_id, item_id, entered_at, entered_on, semantics]
--   references: {"entity_type_id, item_id": smart_items}
SELECT
    history.entity_type_id,
    history.history_id,
    history.item_id,
    history.pipeline_id,
    history.stage_id,
    coalesce(stages.status, history.stage_id) AS stage,
    coalesce(history.semantics, stages.semantics, 'P') AS semantics,
    history.entered_at,
    local_day(history.entered_at) AS entered_on
FROM staging.smart_history AS history
SEMI JOIN snapshot.smart_items AS items USING (entity_type_id, item_id)
LEFT JOIN staging.statuses AS stages
    ON stages.directory = 'DYNAMIC_' || history.entity_type_id || '_STAGE_' || history.pipeline_id
    AND stages.status_id = history.stage_id
WHERE history.entered_at IS NOT NULL
ORDER BY history.entity_type_id, history.item_id, history.entered_at, history.history_id
