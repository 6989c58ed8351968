"""Routes files for tests, put together from the same tables."""

NIGHT_HOURS = """
[interval.night]
start = "21:00"
end = "08:00"
"""
NO_LEAD = """
[[route]]
name = "lead"
tier = ["lead"]
suppress = "do_not_spend"
"""
BOSS = """
[channel.boss]
type = "log"
"""
DESK = """
[channel.desk]
type = "log"
tell_end = true
"""


def gravest(*to: str) -> str:
    """The route of what is critical."""
    names = ", ".join(f'"{one}"' for one in to)
    return f'\n[[route]]\nname = "gravest"\nseverity = ["critical"]\nto = [{names}]\n'


PLAIN = f"""{DESK}
[[route]]
name = "all"
to = ["desk"]
"""
TWO = PLAIN.replace('to = ["desk"]', 'to = ["desk", "boss"]') + f"{BOSS}queue = 40\n"
NIGHT = f"""{DESK}{NIGHT_HOURS}{gravest("desk")}
[[route]]
name = "all"
quiet = "night"
to = ["desk"]
"""
DIGEST = f"""
[channel.desk]
type = "log"
{gravest("desk")}{NO_LEAD}
[[route]]
name = "iron"
tier = ["iron"]
digest = ["09:00", "16:00"]
to = ["desk"]
"""
INHIBIT = f"""{PLAIN}
[inhibit]
defected = ["risk-high", "gone-quiet"]
complaint-overdue = ["complaint-unacknowledged"]
"""
LADDER = f"""{PLAIN}{BOSS}
[ladder.gold]
rungs = [{{ after = "1h", to = ["boss"] }}, {{ after = "4h", to = ["boss", "desk"] }}]
remind = "1d"
"""
SLOW_DESK = f"{DESK}per_hour = 1\n"
BUSY = f"""{NIGHT.replace(DESK, SLOW_DESK)}{BOSS}
[ladder.gold]
rungs = [{{ after = "2h", to = ["boss"] }}]
remind = "1d"

[inhibit]
defected = ["risk-high"]
"""

# A webhook at any URL, and the log.
SHOP = f"""
[channel.desk]
type = "webhook"
url = "{{url}}"
allow_hosts = ["127.0.0.1"]
secrets_env = ["HOOK_SECRET"]
timeout = "2s"

[channel.log]
type = "log"
{NIGHT_HOURS}{gravest("desk", "log")}{NO_LEAD}
[[route]]
name = "gold"
tier = ["gold"]
quiet = "night"
to = ["log"]
"""

# One of everything, each key in a line of its own.
FILE = f"""\
zone = "Europe/Madrid"

[channel.desk]
type = "webhook"
url = "https://desk.example.com/"
secrets_env = ["DESK"]

[channel.shop]
type = "email"
host = "smtp.example.com"
sender = "a@example.com"
to = ["b@example.com"]
{NIGHT_HOURS}{gravest("desk", "shop")}
[[route]]
name = "all"
quiet = "night"
to = ["shop"]

[inhibit]
defected = ["risk-high"]

[ladder.gold]
rungs = [{{ after = "1h", to = ["desk"] }}, {{ after = "2h", to = ["shop"] }}]
remind = "1d"
"""
