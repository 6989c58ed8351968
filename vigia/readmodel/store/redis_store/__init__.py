"""The read model in a Redis, which several consoles may share; only commands of Redis 7.0, and no modules.

All keys begin with `<prefix>vigia:console:`. A table is four hashes (`rows`, `meta`, `text`, `groups`) and its indexes, which are
sorted sets: by a score, or by text for ranges of names and of what belongs to one customer or alarm. `meta` holds in which indexes
a row stands, so one script can put a row in place of the one before, or remove it. The keys are made in the scripts, so this store
does not run on a Redis Cluster.

One console writes at a time: it holds `writer`, which ends by itself, and every script that writes compares it. Rows are written
one by one and the offsets after them; whatever is read again after a kill changes nothing.
"""
