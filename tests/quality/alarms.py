"""How early the alarms are, and which thresholds pay: `python -m tests.quality.alarms [CUSTOMERS] [DAYS]`.

Thresholds are chosen on one simulated business and judged on another, of the same world but another seed.
"""

import sys

from scorers.policy.tables import Policy
from tests.quality.simulated import table
from tests.quality.thresholds import COSTS, LEVELS, MOST_FALSE, TIERS, business, outcome


def main(customers: int = 2500, days: int = 730) -> None:
    """Choose on one business, judge on another, print."""
    say, policy = sys.stdout.write, Policy()
    (known, _), (fresh, kinds) = (business(customers, days, seed) for seed in (1, 2))
    say(f"{customers:,} customers over {days} days\n{table([kinds])}\n")
    say(
        f"A contact costs {COSTS.contact / 100:.2f} and keeps {COSTS.kept:.0%} of those called on the day of their change of "
    )
    say(f"heart, half as many per usual gap since. At most {MOST_FALSE:g} false alarm a customer and year.\n")
    for tier in TIERS:
        now = getattr(policy.risk.threshold, tier)
        levels = sorted({*LEVELS, now})
        tried = {level: outcome(known, tier, level, policy, COSTS) for level in levels}
        borne = [level for level in levels if tried[level].false_a_year <= MOST_FALSE]
        best = max(borne, key=lambda level: tried[level].gain)
        say(f"\n{tier}: {now} today; {best} pays most where it was chosen\n")
        say(
            f"{'':>9}{'alarms':>8}{'right':>7}{'false/y':>9}{'found':>7}{'early':>7}{'lead':>7}{'ahead':>7}{'gaps':>6}{'gain/y':>9}\n"
        )
        for level in levels:
            o = outcome(fresh, tier, level, policy, COSTS)
            mark = ("*" if level == best else "") + ("=" if level == now else "")
            say(f"{mark:>3}{level:>6.2f}{o.alarms:>8}{o.right / max(o.alarms, 1):>7.2f}{o.false_a_year:>9.2f}")
            say(f"{o.found / max(o.leavers, 1):>7.2f}{o.early / max(o.leavers, 1):>7.2f}")
            say(f"{o.lead:>7.0f}{o.ahead:>7.0f}{o.ahead_gaps:>6.1f}{o.gain / 100:>9.2f}\n")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
