"""What the services behind channels accept, as their documents say: schemas of their requests, and the longest body of each."""

from typing import Any

STRING: dict[str, Any] = {"type": "string"}


def text(longest: int, **more: Any) -> dict[str, Any]:
    """A text that is not empty and no longer than that."""
    return {"type": "string", "minLength": 1, "maxLength": longest, **more}


def record(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these fields and no others."""
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def items(of: dict[str, Any], most: int, least: int = 1) -> dict[str, Any]:
    """A list of these."""
    return {"type": "array", "items": of, "minItems": least, "maxItems": most}


URL = text(3_000, pattern="^https://")
PLAIN_TEXT = {"type": {"const": "plain_text"}, "emoji": {"type": "boolean"}}
BUTTON = record(
    {"type": {"const": "button"}, "text": record(PLAIN_TEXT | {"text": text(75)}), "url": URL, "action_id": text(255)}
)
SLACK = record(
    {
        "text": text(4_000),
        "blocks": items(
            {
                "oneOf": [
                    record({"type": {"const": "header"}, "text": record(PLAIN_TEXT | {"text": text(150)})}),
                    record(
                        {
                            "type": {"const": "section"},
                            "text": record(
                                {"type": {"const": "mrkdwn"}, "text": text(3_000)}, {"verbatim": {"type": "boolean"}}
                            ),
                        }
                    ),
                    record({"type": {"const": "actions"}, "elements": items(BUTTON, 25)}),
                ]
            },
            50,
        ),
    }
)

OPEN_URL = record({"type": {"const": "Action.OpenUrl"}, "url": URL}, {"title": text(200)})
RUN = record(
    {"type": {"const": "TextRun"}, "text": STRING},
    {
        "weight": {"enum": ["default", "lighter", "bolder"]},
        "size": {"enum": ["default", "small", "medium", "large", "extraLarge"]},
        "underline": {"type": "boolean"},
        "selectAction": OPEN_URL,
    },
)
SPACING = {"enum": ["default", "none", "small", "medium", "large", "extraLarge", "padding"]}
CARD = record(
    {
        "type": {"const": "AdaptiveCard"},
        "version": {"const": "1.4"},
        "body": items(
            record({"type": {"const": "RichTextBlock"}, "inlines": items(RUN, 10)}, {"spacing": SPACING}), 1_000
        ),
    },
    {
        "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
        "actions": items(OPEN_URL, 6, 0),
        "msteams": record({"width": {"const": "Full"}}),
    },
)
TEAMS = record(
    {
        "type": {"const": "message"},
        "attachments": items(
            record(
                {"contentType": {"const": "application/vnd.microsoft.card.adaptive"}, "content": CARD},
                {"contentUrl": {"type": "null"}},
            ),
            1,
        ),
    }
)

TELEGRAM = record(
    {"chat_id": STRING, "text": text(12_000), "parse_mode": {"const": "HTML"}},
    {
        "link_preview_options": record({"is_disabled": {"const": True}}),
        "reply_markup": record({"inline_keyboard": items(items(record({"text": text(64), "url": URL}), 8), 10)}),
    },
)

PAGERDUTY_PAYLOAD = record(
    {"summary": text(1_024), "source": text(255), "severity": {"enum": ["critical", "error", "warning", "info"]}},
    {
        "timestamp": {"type": "string", "format": "date-time"},
        "component": STRING,
        "group": STRING,
        "class": STRING,
        "custom_details": {"type": "object"},
    },
)
PAGERDUTY = {
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    **record(
        {
            "routing_key": STRING,
            "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
            "dedup_key": text(255),
        },
        {
            "payload": PAGERDUTY_PAYLOAD,
            "client": STRING,
            "client_url": URL,
            "links": items(record({"href": URL}, {"text": STRING}), 10),
        },
    ),
}

TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
NAMES = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
    "additionalProperties": text(20_000),
}
ALERTMANAGER = items(
    record({"labels": {**NAMES, "required": ["alertname"]}, "annotations": NAMES, "startsAt": TIME, "endsAt": TIME}),
    1_000,
)

SCHEMAS: dict[str, dict[str, Any]] = {
    "slack": SLACK,
    "teams": TEAMS,
    "telegram": TELEGRAM,
    "pagerduty": PAGERDUTY,
    "alertmanager": ALERTMANAGER,
}
LONGEST = {
    "slack": 200_000,
    "teams": 28_000,
    "telegram": 64_000,
    "pagerduty": 512_000,
    "alertmanager": 4_000_000,
}
"""Bytes that a body may have."""
