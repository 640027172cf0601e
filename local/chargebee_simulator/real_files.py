"""The files and columns of real exports, as public programs read them; where none was seen, a guess that differs.

Two spellings occur within one product: titles with blanks, and the names of tables and columns with a dot. Customers,
subscriptions, invoices, credit notes and coupons are known, in part; of the rest nothing is, so they are some of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Columns = Mapping[str, str]
"""Header -> the record's field."""


@dataclass(frozen=True)
class RelatedFile:
    """A file beside an export's own, with columns of its own. `child`: the list whose objects are its rows."""

    name: str
    columns: Columns
    child: str | None = None  # None: one row a record
    item_type: str | None = None  # only the objects of this type


def _address(title: str, owner: str) -> Columns:
    parts = {
        "First Name": "first_name", "Last Name": "last_name", "Email": "email", "Company": "company", "Phone": "phone",
        "Line1": "line1", "Line2": "line2", "Line3": "line3", "City": "city", "State": "state",
        "State Code": "state_code", "Country": "country", "Zip": "zip",
    }  # fmt: skip
    return {f"{title} {part}": f"{owner}.{field}" for part, field in parts.items()}


def _dotted(table: str, fields: str, owner: str = "") -> Columns:
    return {f"{table}.{field}": f"{owner}{field}" for field in fields.split()}


OWN: dict[str, Columns] = {
    "customers": {
        "Customer Id": "id",
        "Email": "email",
        "First Name": "first_name",
        "Last Name": "last_name",
        "Company": "company",
        "Phone": "phone",
        "Auto Collection": "auto_collection",
        "Card Status": "card_status",
        "Created At": "created_at",
        "Customer Portal Status": "portal_status",
        "Net Term Days": "net_term_days",
        "Taxability": "taxability",
        "Locale": "locale",
        "Offline payment method": "offline_payment_method",
        **_address("Billing Address", "billing_address"),
        "Billing Address Validation Status": "billing_address.validation_status",
    },
    "subscriptions": {
        **_dotted(
            "subscriptions",
            "id plan_id plan_quantity plan_unit_price plan_amount status start_date trial_start trial_end "
            "current_term_start current_term_end remaining_billing_cycles created_at started_at cancelled_at "
            "pause_date resume_date po_number auto_collection mrr",
        ),
        "customers.id": "customer_id",
        **_dotted("customers", "first_name last_name email net_term_days cf_segment", "customer."),
        **_dotted("addresses", "first_name last_name email company phone", "address."),
        "addresses.addr": "address.line1",
        "addresses.extended_addr": "address.line2",
        "addresses.extended_addr2": "address.line3",
        **_dotted("addresses", "city state state_code country zip", "address."),
    },
    "invoices": {
        "Invoice Number": "id",
        "Customer Id": "customer_id",
        "Subscription Id": "subscription_id",
        "Customer First Name": "customer.first_name",
        "Customer Last Name": "customer.last_name",
        "Customer Company": "customer.company",
        "Invoice Date": "date",
        "Amount": "total",
        "Status": "status",
        "Vat Number": "customer.vat_number",
        "PO Number": "po_number",
        "Currency": "currency_code",
        "Net Term Days": "customer.net_term_days",
        "Due Date": "due_date",
        "Paid On": "paid_at",
        "Payments": "amount_paid",
        "Recurring": "recurring",
        "Tax Total": "tax",
        "Customer Billing Country": "address.country",
    },
    "credit_notes": {
        "Credit Note Number": "id",
        "Reference Invoice Number": "reference_invoice_id",
        "Customer Id": "customer_id",
        "Type": "type",
        "Reason Code": "reason_code",
        "Date": "date",
        "Total": "total",
    },
    "coupons": {
        "Coupon Id": "id",
        "Name": "name",
        "Invoice Name": "invoice_name",
        "Discount Type": "discount_type",
        "Discount Percentage": "discount_percentage",
        "Discount Amount": "discount_amount",
        "Discount Quantity": "discount_quantity",
        "Duration Type": "duration_type",
        "Duration Month": "duration_month",
        "Max Redemptions": "max_redemptions",
        "Valid Till": "valid_till",
        "Redemptions": "redemptions",
        "Status": "status",
        "Archived At": "archived_at",
        "Created At": "created_at",
        "Currency": "currency_code",
    },
}
"""The own file of the exports of which programs name columns."""

RELATED: dict[str, tuple[RelatedFile, ...]] = {
    "subscriptions": (
        RelatedFile(
            "SubscriptionAddons",
            {
                "Subscription Id": "id",
                "Addon Id": "item.item_price_id",
                "Addon Quantity": "item.quantity",
                "Addon Unit Price": "item.unit_price",
                "Addon Amount": "item.amount",
            },
            "subscription_items",
            "addon",
        ),
        RelatedFile("SubscriptionCoupons", {"Subscription Id": "id", "Coupon Id": "item.coupon_id"}, "coupons"),
        RelatedFile(
            "SubscriptionContracts",
            {
                "Subscription Id": "id",
                "Contract Start": "item.contract_start",
                "Contract End": "item.contract_end",
                "Billing Cycles": "item.billing_cycle",
                "Status": "item.status",
            },
            "contract_terms",
        ),
        RelatedFile(
            "SubscriptionDiscounts",
            {
                "Subscription Id": "id",
                "Discount Type": "item.type",
                "Percentage": "item.percentage",
                "Apply Till": "item.apply_till",
                "Created At": "item.created_at",
            },
            "discounts",
        ),
        RelatedFile(
            "SubscriptionComments",
            {
                "Subscription Id": "id",
                "Comment": "item.notes",
                "Added By": "item.added_by",
                "Created At": "item.created_at",
            },
            "comments",
        ),
    ),
    "invoices": (
        RelatedFile(
            "LineItems",
            {
                "Invoice Number": "id",
                "Line Item Id": "item.id",
                "Customer Id": "customer_id",
                "Subscription Id": "subscription_id",
                "Entity Type": "item.entity_type",
                "Entity Id": "item.item_price_id",
                "Date From": "item.date_from",
                "Date To": "item.date_to",
                "Description": "item.description",
                "Unit Amount": "item.unit_amount",
                "Quantity": "item.quantity",
                "Amount": "item.amount",
                "Tax": "item.tax_amount",
                "Tax Rate": "item.tax_rate",
            },
            "line_items",
        ),
        RelatedFile(
            "LineItemTaxes",
            {"Line Item Id": "item.line_item_id", "Tax Name": "item.tax_name", "Tax Amount": "item.tax_amount"},
            "line_item_taxes",
        ),
        RelatedFile(
            "Transactions",
            {
                "Id": "item.txn_id",
                "Invoice Number": "item.invoice_numbers",
                "Date": "item.txn_date",
                "Amount": "item.txn_amount",
                "Status": "item.txn_status",
                "Payment Method": "item.payment_method",
                "Error Text": "item.error_text",
            },
            "linked_payments",
        ),
        RelatedFile(
            "AppliedCreditNotes",
            {
                "Invoice Number": "id",
                "Credit Note Number": "item.cn_id",
                "Amount": "item.applied_amount",
                "Applied At": "item.applied_at",
            },
            "applied_credits",
        ),
        RelatedFile(
            "AdjustmentCreditNotes",
            {
                "Invoice Number": "id",
                "Credit Note Number": "item.cn_id",
                "Amount": "item.cn_total",
                "Date": "item.cn_date",
            },
            "adjustment_credit_notes",
        ),
        RelatedFile(
            "InvoiceProperties",
            {
                "Invoice Number": "id",
                **_address("Billing Address", "address"),
                **_address("Shipping Address", "shipping_address"),
            },
        ),
    ),
    "credit_notes": (
        RelatedFile(
            "CreditNoteLineItems",
            {
                "Credit Note Number": "id",
                "Line Item Id": "item.id",
                "Entity Type": "item.entity_type",
                "Date From": "item.date_from",
                "Date To": "item.date_to",
                "Description": "item.description",
                "Unit Amount": "item.unit_amount",
                "Quantity": "item.quantity",
                "Amount": "item.amount",
            },
            "line_items",
        ),
        RelatedFile(
            "AllocatedInvoices",
            {
                "CreditNote Number": "id",
                "Customer Id": "customer_id",
                "Invoice Number": "item.invoice_id",
                "Amount": "item.allocated_amount",
                "Allocated At": "item.allocated_at",
            },
            "allocations",
        ),
    ),
}
"""The files beside it."""

DOTTED = frozenset({"attached_items", "orders", "price_variants", "ramps", "subscriptions"})
"""The exports whose headers are names with a dot; the others have titles."""

WITH_UPDATED_AT = frozenset({"item_families", "items", "orders", "price_variants"})
"""The exports that show when a record was updated. No program reads such a column of those that are known."""

LABELLED = frozenset({"cf_account_manager"})
"""Custom fields whose header is their label; that of others is their bare name."""
