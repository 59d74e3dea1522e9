-- Product rows of deals; prices in the deal's currency.
SELECT
    _id AS row_id,
    as_int("ownerId") AS deal_id,
    as_link("productId") AS product_id,
    "productName" AS product,
    as_money("price") AS price,
    as_number("quantity") AS quantity
FROM raw.deal_products
