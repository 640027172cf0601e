-- A deleted customer has no row in customers_latest. Its invoices count here too, without the company's name.
WITH invoices AS (
    SELECT *
    FROM {{ source('chargebee', 'invoices_latest') }}
    WHERE status <> 'Voided'
)

SELECT
    coalesce(customers.site, invoices.site) AS site,
    coalesce(customers.customer_id, invoices.customer_id) AS customer_id,
    customers.company,
    invoices.currency,
    count(invoices.invoice_number) AS invoices,
    sum(invoices.amount) AS amount
FROM {{ source('chargebee', 'customers_latest') }} AS customers
FULL JOIN invoices
    ON invoices.site = customers.site
    AND invoices.customer_id = customers.customer_id
GROUP BY 1, 2, 3, 4
