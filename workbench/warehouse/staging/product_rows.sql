-- Product rows of deals, leads, quotes, invoices and smart processes; prices in the owner's
-- currency.
SELECT
    _id AS row_id,
    as_int("entityTypeId") AS owner_type_id,
    as_int("ownerId") AS owner_id,
    as_link("productId") AS product_id,
    "productName" AS product,
    as_money("price") AS price,
    as_number("quantity") AS quantity
FROM raw.product_rows
