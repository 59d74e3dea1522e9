-- The plan of won revenue, as the file has it.
SELECT month, pipeline, manager, amount, currency
FROM external.targets
