"""Random batches, scans, checkpoints and restarts on a store, against plain dictionaries."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from govchain.state import Batch, Table

KEYS = st.binary(max_size=2)
TABLES = st.sampled_from([Table.STATE, Table.LIVE, Table.BODIES])
OPERATIONS = st.lists(st.tuples(TABLES, KEYS, st.none() | st.binary(max_size=6)), max_size=8)


class StoreMachine(RuleBasedStateMachine):
    """A driver's test subclasses it and says how to open and to reopen its store."""

    readers = Bundle("readers")

    def __init__(self):
        super().__init__()
        self.store = self.open()
        self.model = {table: {} for table in Table}
        self.checkpoints = {}
        self.number = 0

    def open(self):
        raise NotImplementedError

    def reopen(self):
        """A driver that keeps nothing stays as it is."""

    @rule(operations=OPERATIONS, durable=st.booleans())
    def write(self, operations, durable):
        batch = Batch()
        for table, key, value in operations:
            if value is None:
                batch.delete(table, key)
                self.model[table].pop(key, None)
            else:
                batch.put(table, key, value)
                self.model[table][key] = value
        assert len(batch) == len(operations)
        self.store.write(batch, durable=durable)

    @rule()
    def sync(self):
        self.store.sync()

    @rule()
    def restart(self):
        self.reopen()

    @rule(target=readers)
    def checkpoint(self):
        self.number += 1
        name = f"c-{self.number}"
        self.store.checkpoint(name)
        self.checkpoints[name] = {table: dict(values) for table, values in self.model.items()}
        return name

    @rule(name=readers, table=TABLES)
    def read_checkpoint(self, name, table):
        reader = self.store.open_checkpoint(name)
        assert list(reader.scan(table)) == sorted(self.checkpoints[name][table].items())
        reader.close()

    @rule(name=consumes(readers))
    def drop_checkpoint(self, name):
        self.store.drop_checkpoint(name)
        del self.checkpoints[name]

    @rule(table=TABLES, keys=st.lists(KEYS, max_size=4))
    def get(self, table, keys):
        assert self.store.get_many(table, keys) == [self.model[table].get(key) for key in keys]
        assert [self.store.get(table, key) for key in keys] == [self.model[table].get(key) for key in keys]

    @rule(table=TABLES, start=KEYS, end=st.none() | KEYS, reverse=st.booleans(), limit=st.none() | st.integers(0, 4))
    def scan(self, table, start, end, reverse, limit):
        wanted = sorted(
            (key, value) for key, value in self.model[table].items() if key >= start and (end is None or key < end)
        )
        if reverse:
            wanted.reverse()
        assert list(self.store.scan(table, start, end, reverse=reverse, limit=limit)) == wanted[:limit]

    @invariant()
    def checkpoints_are_those_made(self):
        assert self.store.checkpoints() == tuple(sorted(self.checkpoints))

    def teardown(self):
        self.store.close()
