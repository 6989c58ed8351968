"""Simulate bad experiences: who complains, how the business answers, and who leaves.

Most dissatisfied customers stay silent: their mishaps are in the truth and never in the events. First-time buyers leave
most easily; core customers do not leave for a minor mishap that is resolved at once.
"""

from vigia.lab.simulate.hours import DAY, HOUR
from vigia.lab.simulate.life import Layer, Life, Mishap
from vigia.lab.simulate.world import Store

TENDER = {"prospect": 0.30, "first_time_buyer": 0.40, "early_repeat_buyer": 0.20, "core_customer": 0.07}
HURT = {"minor": 0.7, "major": 1.6, "critical": 2.6}
REMEDY = {"fast": 0.25, "late": 1.0, "never": 1.8, "silent": 1.0}
MOOD = {"minor": -0.10, "major": -0.25, "critical": -0.45}
REASONS = {
    "product": ("defective", "spoiled", "not_as_described"),
    "service": ("slow_service", "unfriendly", "wrong_item"),
    "brand": ("misleading_ad", "bad_press"),
    "request": ("no_answer",),
    "promise": ("promise_not_kept",),
}
LEAVES_FOR = {
    # what went wrong: (reason when it was voiced and not put right in time, reason otherwise)
    "product": ("unrectified_defect", "product_quality"),
    "service": ("unrectified_defect", "service_quality"),
    "brand": ("service_quality", "service_quality"),
    "request": ("unattended_service", "unattended_service"),
    "promise": ("unrectified_defect", "service_quality"),
}
FAST = int(1.5 * DAY)


def mishap(
    life: Life, at: int, kind: str, store: Store, cause: str | None, sku: str | None = None, lot: str | None = None
) -> None:
    """Simulate a mishap of this customer at an instant."""
    if at >= life.scene.calendar.end:
        return
    rng, world, stage = life.rng, life.scene.world, life.stage
    draw = rng.random()
    severity = "minor" if draw < 0.68 else "major" if draw < 0.95 else "critical"
    layer: Layer = "silent"
    if rng.random() < world.voiced:
        layer = "formal" if rng.random() < world.formal else "informal"
    remedy, opened = "silent", at
    if layer != "silent":
        opened = at + int(rng.uniform(0.5, 48) * HOUR)
        remedy = _complaint(life, opened, kind, severity, layer, store, sku, lot)
    life.feel(MOOD[severity] * (0.4 if remedy == "fast" else 1.0))
    chance = world.harm * TENDER[stage] * HURT[severity] * REMEDY[remedy]
    if stage == "core_customer" and severity == "minor" and remedy == "fast":
        chance = 0.0
    gone = False
    if rng.random() < chance:
        wait = rng.uniform(0.3, 4) if remedy in ("silent", "fast") else rng.uniform(5, 18)
        reason = LEAVES_FOR[kind][remedy not in ("late", "never")]
        gone = life.leave(opened + int(wait * DAY), reason, at, cause, layer)
    stamp = life.scene.calendar.stamp(at)
    life.mishaps.append(
        Mishap(
            time=stamp,
            event=cause,
            kind=kind,
            severity=severity,
            stage=stage,
            voiced=layer,
            remedy=remedy,
            drove_out=gone,
        )
    )


def _complaint(
    life: Life, at: int, kind: str, severity: str, layer: Layer, store: Store, sku: str | None, lot: str | None
) -> str:
    """Write the complaint: opened, acknowledged, resolved, reopened; return how it was handled."""
    rng, writer, calendar = life.rng, life.writer, life.scene.calendar
    subject = kind if kind in ("product", "service", "brand") else "service"
    case = f'"complaint_id":"{life.who.id}-k{len(life.mishaps) + 1}"'
    fields = f',{case},"severity":"{severity}","subject":"{subject}","store_id":"{store.id}","formality":"{layer}"'
    if sku:
        fields += f',"sku":"{sku}"' + (f',"lot":"{lot}"' if lot else "")
    if rng.random() < life.scene.world.public:
        fields += ',"public":true'
    writer.write(at, "desk", "complaint.opened", fields + f',"reason":"{rng.choice(REASONS[kind])}"')
    if rng.random() < 0.85:
        acknowledged = calendar.desk(at + int(rng.lognormvariate(0.7, 1.0) * HOUR))
        writer.write(acknowledged, "desk", "complaint.acknowledged", f",{case}")
    else:
        acknowledged = at
    if rng.random() < life.scene.world.unsolved:
        return "never"
    fast = rng.random() < store.care
    days = rng.uniform(0.1, 1.0) if fast else rng.lognormvariate(1.9, 0.5)
    solved = calendar.desk(max(acknowledged + HOUR // 2, at + int(days * DAY)))
    writer.write(solved, "desk", "complaint.resolved", f",{case}")
    if rng.random() < 0.05:
        again = solved + int(rng.uniform(1, 6) * DAY)
        writer.write(again, "desk", "complaint.reopened", f',{case},"reason":"not_fixed"')
        writer.write(calendar.desk(again + int(rng.uniform(0.5, 8) * DAY)), "desk", "complaint.resolved", f",{case}")
        return "late"
    return "fast" if solved - at <= FAST else "late"
