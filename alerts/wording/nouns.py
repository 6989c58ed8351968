"""How people call what Vigía has codes for: stages, tiers, loyalty types, severities, outcomes, exit reasons, and kinds of alarms.

Messages, console and report take these words from here, so that one thing has one word wherever it is read. English words that the
sentences of the core need stand in the core (`scorers/alarms/english.py`).
"""

from collections.abc import Mapping

from msgspec import Struct

from scorers.alarms.english import ENGLISH as CORE


class Nouns(Struct, frozen=True, kw_only=True):
    """The words of one language; both tables have the same keys in every language."""

    names: Mapping[str, str]  # by code, of closed lists
    kinds: Mapping[str, str]  # by kind of alarm


# fmt: off
_NAMES: dict[str, tuple[str | None, str]] = {  # None: English stands in the core
    "prospect": ("prospect", "interesado"),
    "first_time_buyer": ("first-time buyer", "primera compra"),
    "early_repeat_buyer": ("early repeat buyer", "repite desde hace poco"),
    "core_customer": ("core customer", "cliente habitual"),
    "dormant": ("dormant", "dormido"),
    "defector": ("has left", "se ha ido"),
    "core_defector": ("core customer who has left", "habitual que se ha ido"),
    "platinum": (None, "platino"),
    "gold": (None, "oro"),
    "iron": (None, "hierro"),
    "lead": (None, "plomo"),
    "none": (None, "sin nivel"),
    "apostle": ("recommends us", "nos recomienda"),
    "loyal": ("loyal", "leal"),
    "mercenary": ("comes for discounts", "viene por los descuentos"),
    "hostage": ("stays unwillingly", "se queda a disgusto"),
    "terrorist": ("speaks against us", "habla mal de nosotros"),
    "unknown": (None, "no se sabe"),
    "critical": ("critical", "crítica"),
    "error": ("serious", "grave"),
    "warning": ("warning", "aviso"),
    "info": ("for information", "para información"),
    "returned": ("came back", "volvió"),
    "saved": ("saved", "salvado"),
    "resolved": ("resolved", "resuelta"),
    "lost": ("lost", "perdido"),
    "false": ("false alarm", "falsa alarma"),
    "expired": ("time ran out", "se acabó el plazo"),
    "withdrawn": ("withdrawn", "retirada"),
    "competitor": (None, "la competencia"),
    "unattended_service": (None, "una solicitud sin respuesta"),
    "unrectified_defect": (None, "algo que no se arregló"),
    "boredom": (None, "nada nuevo"),
    "price": (None, "el precio"),
    "service_quality": (None, "el servicio"),
    "product_quality": (None, "los productos"),
    "pressure": (None, "demasiados mensajes"),
    "moved_away": (None, "se mudó"),
    "no_more_need": (None, "ya no lo necesita"),
}
_KINDS = {
    "prospect-cooling": ("a prospect loses interest", "un interesado se enfría"),
    "second-purchase-overdue": ("no second purchase yet", "todavía sin segunda compra"),
    "single-failure": ("the first purchase went wrong", "la primera compra salió mal"),
    "small-mishap": ("something went wrong", "algo salió mal"),
    "major-problem": ("a serious complaint", "una queja seria"),
    "complaint-unacknowledged": ("a complaint without an answer", "una queja sin respuesta"),
    "complaint-overdue": ("a complaint past its deadline", "una queja fuera de plazo"),
    "request-unattended": ("a request without an answer", "una solicitud sin respuesta"),
    "gone-quiet": ("silent for longer than usual", "en silencio más de lo normal"),
    "defected": ("has most likely left", "lo más probable es que se haya ido"),
    "risk-high": ("is likely not to come back", "es probable que no vuelva"),
    "risk-rising": ("the risk has risen", "ha subido el riesgo"),
    "tier-drop": ("has fallen by a tier", "ha bajado de nivel"),
    "apostle-lost": ("no longer recommends us", "ya no nos recomienda"),
    "hostage": ("stays with an open complaint", "sigue con una queja abierta"),
    "terrorist": ("speaks against us", "habla mal de nosotros"),
    "experience-debt": ("too many bad experiences", "demasiadas malas experiencias"),
    "promise-broken": ("a promise was not kept", "no se cumplió una promesa"),
    "contact-pressure": ("we write too often", "escribimos demasiado"),
    "boredom": ("buys less variety, less often", "compra menos variedad y menos a menudo"),
    "wallet-shrinking": ("buys less than before", "compra menos que antes"),
    "bond-cut": ("gave up a bond with us", "dejó algo que le unía a nosotros"),
    "exposed-silently": ("bought what others complain about", "compró algo de lo que otros se quejan"),
    "owner-disagrees": ("our judgement and the data disagree", "nuestra valoración y los datos no coinciden"),
    "score-money-disagree": ("risk and spending disagree", "el riesgo y el gasto no coinciden"),
    "underserved": ("we do too little", "hacemos demasiado poco"),
    "overserved": ("we do too much", "hacemos demasiado"),
    "distributor-risk": ("a distributor may leave", "puede irse un distribuidor"),
    "staff-unasked": ("the staff were not asked", "no se preguntó al personal"),
    "staff-unthanked": ("the staff were not thanked", "no se dieron las gracias al personal"),
    "complaint-theme": ("complaints about one thing", "quejas sobre una misma cosa"),
    "feed-silent": ("no data arrive", "no llegan datos"),
    "base-outflow": ("more leave than come", "se van más de los que llegan"),
    "retention-order": ("retention does not rise by stage", "la retención no sube de etapa en etapa"),
    "stage-changed": ("changed stage", "cambió de etapa"),
    "tier-changed": ("changed tier", "cambió de nivel"),
    "loyalty-changed": ("changed loyalty", "cambió de lealtad"),
    "reactivated": ("came back", "volvió"),
    "golden-conversion": ("became a customer without trouble", "se hizo cliente sin problemas"),
}
# fmt: on

NOUNS: dict[str, Nouns] = {
    "en": Nouns(
        names={code: CORE.words[code] if english is None else english for code, (english, _) in _NAMES.items()},
        kinds={kind: english for kind, (english, _) in _KINDS.items()},
    ),
    "es": Nouns(
        names={code: spanish for code, (_, spanish) in _NAMES.items()},
        kinds={kind: spanish for kind, (_, spanish) in _KINDS.items()},
    ),
}
