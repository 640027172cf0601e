SELECT
    currency,
    date_trunc('month', invoice_date) AS invoice_month,
    count(*) AS invoices,
    sum(amount) AS amount
FROM {{ source('chargebee', 'invoices_latest') }}
WHERE status <> 'Voided'
GROUP BY 1, 2
