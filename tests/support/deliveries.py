"""Deliveries of each vendor, written by us in the shape that the vendor publishes."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

SQUARE = {
    "merchant_id": "M1",
    "type": "payment.updated",
    "event_id": "5c8b1b1e",
    "created_at": "2024-05-06T07:08:10Z",
    "data": {
        "type": "payment",
        "id": "PAY1",
        "object": {
            "payment": {
                "id": "PAY1",
                "created_at": "2024-05-06T07:08:09.123Z",
                "updated_at": "2024-05-06T07:08:10.000Z",
                "amount_money": {"amount": 1250, "currency": "USD"},
                "tip_money": {"amount": 200, "currency": "USD"},
                "total_money": {"amount": 1450, "currency": "USD"},
                "status": "COMPLETED",
                "customer_id": "CUST1",
                "location_id": "L1",
                "team_member_id": "T1",
                "order_id": "O1",
                "version": 7,
            }
        },
    },
}
SQUARE_REFUND = {
    "merchant_id": "M1",
    "type": "refund.updated",
    "event_id": "5c8b1b1f",
    "data": {
        "type": "refund",
        "id": "REF1",
        "object": {
            "refund": {
                "id": "REF1",
                "created_at": "2024-05-07T10:00:00Z",
                "amount_money": {"amount": 500, "currency": "USD"},
                "status": "COMPLETED",
                "payment_id": "PAY1",
                "reason": "Item was faulty",
            }
        },
    },
}
SHOPIFY = {
    "id": 450789469,
    "created_at": "2024-05-06T03:08:09-04:00",
    "processed_at": "2024-05-06T03:08:09-04:00",
    "total_price": "409.94",
    "total_discounts": "3.34",
    "currency": "USD",
    "financial_status": "paid",
    "test": False,
    "source_name": "pos",
    "location_id": 487838322,
    "user_id": 799407056,
    "cancelled_at": None,
    "customer": {"id": 207119551, "email": "canary@example.com", "first_name": "Bob"},
    "line_items": [
        {
            "id": 1,
            "sku": "IPOD-GREEN",
            "variant_id": 39072856,
            "quantity": 2,
            "price": "199.00",
            "total_discount": "1.50",
        },
        {"id": 2, "sku": "", "variant_id": 49148385, "quantity": 1, "price": "11.94", "total_discount": "0.00"},
        {"id": 3, "sku": None, "variant_id": None, "product_id": None, "title": "Tip", "quantity": 1, "price": "1.50"},
    ],
}
SHOPIFY_REFUND = {
    "id": 509562969,
    "order_id": 450789469,
    "created_at": "2024-05-08T10:00:00-04:00",
    "processed_at": "2024-05-08T10:00:00-04:00",
    "note": "it broke\nduring shipping",
    "refund_line_items": [{"quantity": 1, "line_item": {"sku": "IPOD-GREEN", "quantity": 2, "price": "199.00"}}],
    "transactions": [
        {"id": 1, "amount": "199.00", "currency": "USD", "kind": "refund", "status": "success", "test": False},
        {"id": 2, "amount": "9.00", "currency": "USD", "kind": "refund", "status": "failure"},
    ],
}
SHOPIFY_REDACT = {
    "shop_id": 954889,
    "shop_domain": "snow.example",
    "customer": {"id": 207119551, "email": "canary@example.com", "phone": "555-625-1199"},
    "orders_to_redact": [450789469],
}


def stripe(kind: str, what: Mapping[str, Any], livemode: bool = True, **data: Any) -> dict[str, Any]:
    """An event of Stripe."""
    return {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": 1_714_979_300,
        "livemode": livemode,
        "data": {"object": dict(what), **data},
    }


CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "amount": 2000,
    "amount_captured": 2000,
    "amount_refunded": 0,
    "captured": True,
    "paid": True,
    "status": "succeeded",
    "currency": "eur",
    "created": 1_714_979_289,
    "customer": "cus_1",
    "payment_intent": "pi_1",
    "receipt_email": "canary@example.com",
}
DISPUTE = {
    "id": "dp_1",
    "object": "dispute",
    "charge": "ch_1",
    "amount": 2000,
    "currency": "eur",
    "created": 1_715_000_000,
    "reason": "product_not_received",
    "status": "needs_response",
}
STRIPE = stripe("charge.succeeded", CHARGE)
STANDARD = {
    "type": "purchase.completed",
    "id": "s1",
    "source": "standard",
    "time": "2024-05-06T07:08:09Z",
    "customer_id": "C1",
    "amount_minor": 1200,
    "currency": "EUR",
}

TOAST = {
    "timestamp": "2024-05-06T07:09:00.000+0000",
    "eventCategory": "order_updated",
    "eventType": "order_updated",
    "guid": "e0c3",
    "details": {
        "restaurantGuid": "R1",
        "order": {
            "guid": "O1",
            "openedDate": "2024-05-06T06:00:00.000+0000",
            "source": "In Store",
            "voided": False,
            "server": {"guid": "S1"},
            "checks": [
                {
                    "guid": "CH1",
                    "customer": {"guid": "G1", "email": "canary@example.com"},
                    "amount": 30.1,
                    "taxAmount": 2.4,
                    "totalAmount": 32.5,
                    "paymentStatus": "CLOSED",
                    "paidDate": "2024-05-06T07:08:09.000+0000",
                    "voided": False,
                    "selections": [
                        {"item": {"guid": "I1"}, "quantity": 2.0, "price": 30.1, "tax": 2.4, "voided": False},
                        {"item": {"guid": "I2"}, "quantity": 1.0, "price": 9.0, "voided": True},
                    ],
                    "payments": [
                        {
                            "guid": "P1",
                            "amount": 32.5,
                            "tipAmount": 5.0,
                            "refundStatus": "PARTIAL",
                            "refund": {"refundAmount": 10.0, "refundDate": "2024-05-06T09:00:00.000+0000"},
                        }
                    ],
                },
                {"guid": "CH2", "customer": None, "totalAmount": 8.0, "paymentStatus": "OPEN"},
            ],
        },
    },
}
LIGHTSPEED = {
    "id": "a604d16b",
    "status": "CLOSED",
    "sale_date": "2024-05-06 07:08:09",
    "customer_id": "b1cabb53",
    "user_id": "U1",
    "register_id": "RG1",
    "outlet_id": "OUT1",
    "total_price": 12,
    "total_tax": 1.8,
    "register_sale_products": [{"product_id": "PR1", "quantity": 2, "price": 6, "tax": 0.9}],
    "return_for": "",
}
LIGHTSPEED_RETURN = LIGHTSPEED | {
    "id": "a604d16c",
    "customer_id": None,
    "total_price": -6,
    "total_tax": -0.9,
    "return_for": "a604d16b",
}


def form(payload: object, **fields: str) -> bytes:
    """A form as Lightspeed posts it."""
    return urlencode(
        {"payload": json.dumps(payload), "type": "sale.update", "domain_prefix": "shop", **fields}
    ).encode()


CLOVER = {"appId": "A1", "merchants": {"M1": [{"objectId": "P:PAY1", "type": "CREATE", "ts": 1_714_979_289_000}]}}
CLOVER_PAYMENT = {
    "id": "PAY1",
    "amount": 1250,
    "tipAmount": 200,
    "createdTime": 1_714_979_289_000,
    "result": "SUCCESS",
    "employee": {"id": "E1"},
    "order": {"id": "O1", "testMode": False, "customers": {"elements": [{"id": "CU1", "firstName": "canary"}]}},
    "refunds": {"elements": [{"id": "RF1", "amount": 250, "createdTime": 1_715_000_000_000}]},
}
WOOCOMMERCE = {
    "id": 4750,
    "status": "processing",
    "currency": "CLP",
    "date_created_gmt": "2024-05-06T07:00:00",
    "date_paid_gmt": "2024-05-06T07:08:09",
    "date_modified_gmt": "2024-05-07T10:00:00",
    "total": "18000",
    "discount_total": "500",
    "customer_id": 6,
    "created_via": "checkout",
    "line_items": [{"id": 1, "sku": "W-1", "product_id": 11, "quantity": 2, "total": "15000", "total_tax": "3000"}],
    "refunds": [{"id": 4761, "reason": "too small", "total": "-6000"}],
}


def zendesk(step: str, event: Mapping[str, Any] | None = None, **detail: Any) -> dict[str, Any]:
    """An event of Zendesk about a ticket."""
    ticket = {
        "id": "35436",
        "created_at": "2024-05-06T07:00:00Z",
        "requester_id": "20978392",
        "tags": ["enterprise"],
        "type": "QUESTION",
        "priority": "LOW",
        "status": "OPEN",
        "subject": "canary",
        "via": {"channel": "web_service"},
    }
    return {
        "account_id": 22129848,
        "id": "cbe4028c",
        "type": f"zen:event-type:ticket.{step}",
        "subject": "zen:ticket:35436",
        "time": "2024-05-06T07:08:09.123456Z",
        "zendesk_event_version": "2022-11-06",
        "detail": ticket | detail,
        "event": dict(event or {}),
    }


FRESHDESK = {
    "freshdesk_webhook": {
        "ticket_id": 42,
        "happened": "created",
        "customer_id": "C-7",
        "ticket_tags": "vip, complaint",
        "ticket_type": "Problem",
        "ticket_priority": "High",
        "ticket_source": "Email",
        "created_at": "2024-05-06T07:08:09Z",
    }
}


def intercom(topic: str, **item: Any) -> dict[str, Any]:
    """A notification of Intercom about a conversation."""
    conversation = {
        "type": "conversation",
        "id": "1911149811",
        "created_at": 1_714_979_000,
        "source": {"type": "conversation", "body": "<p>canary</p>"},
        "contacts": {"contacts": [{"type": "contact", "id": "5bc8f7ae", "external_id": "C-7"}]},
        "tags": {"type": "tag.list", "tags": []},
        "priority": "not_priority",
    }
    return {
        "type": "notification_event",
        "app_id": "a1",
        "topic": topic,
        "id": "notif_1",
        "created_at": 1_714_979_289,
        "data": {"type": "notification_event_data", "item": conversation | item},
    }


def chatwoot(event: str, **fields: Any) -> dict[str, Any]:
    """A conversation of Chatwoot."""
    conversation = {
        "event": event,
        "id": 12,
        "status": "open",
        "labels": [],
        "priority": None,
        "channel": "Channel::WebWidget",
        "created_at": 1_714_979_000,
        "updated_at": 1_714_979_289.5,
        "meta": {"sender": {"id": 3, "identifier": "C-7", "name": "canary"}, "assignee": None},
        "contact_inbox": {"contact_id": 3},
    }
    return conversation | fields


def chatwoot_message(event: str = "message_created", **fields: Any) -> dict[str, Any]:
    """A message of Chatwoot."""
    message = {
        "event": event,
        "id": 77,
        "content": "canary",
        "created_at": "2024-05-06T07:08:09.000Z",
        "message_type": "incoming",
        "private": False,
        "conversation": {name: value for name, value in chatwoot("").items() if name != "event"},
    }
    return message | fields


BOOKING = {
    "house": "H1",
    "bookings": [
        {
            "id": 7,
            "state": "done",
            "changed_at": "2024-05-06T09:08:09",
            "guest": {"id": 12},
            "price": {"total": "120.50", "currency": "EUR"},
        },
        {
            "id": 8,
            "state": "cancelled",
            "changed_at": "2024-05-06T09:08:09",
            "guest": {"id": 13},
            "price": {"total": 1200, "currency": "JPY"},
        },
    ],
}

SAMPLES: dict[str, list[tuple[dict[str, str], Any]]] = {
    "square": [({}, SQUARE), ({}, SQUARE_REFUND)],
    "shopify": [
        ({"X-Shopify-Topic": "orders/paid"}, SHOPIFY),
        ({"X-Shopify-Topic": "refunds/create"}, SHOPIFY_REFUND),
        ({"X-Shopify-Topic": "customers/redact", "X-Shopify-Triggered-At": "2024-05-09T10:00:00Z"}, SHOPIFY_REDACT),
    ],
    "stripe": [({}, STRIPE), ({}, stripe("charge.dispute.created", DISPUTE))],
    "toast": [({}, TOAST)],
    "lightspeed": [({}, form(LIGHTSPEED)), ({}, form(LIGHTSPEED_RETURN))],
    "clover": [({}, CLOVER)],
    "zendesk": [
        ({}, zendesk("created")),
        ({}, zendesk("created", tags=["complaint"])),
        ({}, zendesk("status_changed", {"current": "SOLVED", "previous": "OPEN"})),
        ({}, {"ticket_id": "9", "happened": "rated", "rating": 2, "customer_id": "C-7"}),
    ],
    "freshdesk": [({}, FRESHDESK)],
    "intercom": [({}, intercom("conversation.user.created")), ({}, intercom("conversation.admin.closed"))],
    "chatwoot": [({}, chatwoot("conversation_created")), ({}, chatwoot_message())],
    "standard": [({}, STANDARD)],
    "woocommerce": [({"X-WC-Webhook-Topic": "order.updated"}, WOOCOMMERCE)],
    "map": [({}, BOOKING)],
}
"""For each type, headers and bodies that give events."""
