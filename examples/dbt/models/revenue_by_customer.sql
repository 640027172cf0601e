SELECT
    customers.site,
    customers.customer_id,
    customers.company,
    invoices.currency,
    count(invoices.invoice_number) AS invoices,
    sum(invoices.amount) AS amount
FROM {{ source('chargebee', 'customers_latest') }} AS customers
LEFT JOIN {{ source('chargebee', 'invoices_latest') }} AS invoices
    ON invoices.site = customers.site
    AND invoices.customer_id = customers.customer_id
    AND invoices.status <> 'Voided'
GROUP BY 1, 2, 3, 4
