"""A year of many cells: accounts that differ, change and multiply, moves between cells, machines that fail.

    python bench/cluster/cells.py [--accounts 1000000] [--cells 10] [--days 365] [--seed 1] [--no-moves]

A cell is three machines: one leads, one is waited for, one more. What they can
do and what a message needs are the constants below, with where they come from
(docs/scale.md). At most a million units are simulated: of more accounts each
unit stands for several alike, which makes cells differ more than they would.
Each day mail is kept, some people change their habits, new ones come to the
emptiest cell, a cell is added when all together are so full that one is needed,
and what is too much for a cell is moved, as many accounts a day as ``--moves``
allows (two thousandths of all). Machines fail by chance; the time until another one leads
is what the kill matrix measured. Printed: how far the fullest cell is from the
mean, how much is moved, how long an account is away a year, what waits.
"""

import argparse
import itertools
import json
import math
import random
from array import array
from dataclasses import dataclass, field

# What a message is, from bench/cluster/engine.py: octets of the database for good, for some days, and its content.
KEPT_OCTETS, PASSING_OCTETS, INLINE_OCTETS = 1300, 600, 3300
# What a person gets and keeps (DESIGN: 50 a day, 10,000 kept); lognormal, so few have most.
DAILY, STORED, SPREAD = 50.0, 10_000.0, 1.5
KEPT_SHARE, PASSING_DAYS = 0.4, 7
PEAK = 3.5
"""The busiest hour against the mean of the day."""
# What a cell can do: a leader with eight cores at half their time (all that three servers used for a delivery is laid
# at his door), and disks of 4 TB at most three quarters full.
CELL_RATE = 8 * 0.5 / 300e-6
CELL_OCTETS = 4e12 * 0.75
FULL = 0.7
"""All cells together are no fuller than this: then one is added."""
HIGH, LOW = 1.08, 1.02
"""A cell that is so many times as full as the mean gives accounts away, until it is below the second."""
CHANGE = 0.002
"""So many people a day begin to get more or less mail than before."""
GROWTH = 0.2
# Machines: one in three years fails; another one leads after (docs/adr/0009, kill of a whole node), and it is mended.
MACHINE_DAYS, FAILOVER_SECONDS, STANDBY_SECONDS, REPAIR_HOURS = 3 * 365, 30.0, 1.2, 12.0
BOTH_LOST_HOURS = 2.0
"""Two of three lost: the cell waits (it refuses to promise what one machine alone has) until one is back."""
COPY_OCTETS_SECOND = 20e6
"""A move: its rows are copied while it is frozen."""


@dataclass
class Year:
    accounts: int
    cells: int
    moves_a_day: int
    chance: random.Random
    weight: float = 1.0
    daily: array = field(default_factory=lambda: array("d"))
    stored: array = field(default_factory=lambda: array("d"))
    born: array = field(default_factory=lambda: array("l"))
    home: array = field(default_factory=lambda: array("l"))
    rate: list = field(default_factory=list)
    octets: list = field(default_factory=list)
    moved: int = 0
    frozen: float = 0.0
    away: float = 0.0
    held: float = 0.0
    failovers: int = 0
    waits: int = 0
    drained: float = 0.0
    unmet: int = 0

    def start(self):
        units = min(self.accounts, 1_000_000)
        self.weight = self.accounts / units
        self.rate, self.octets = [0.0] * self.cells, [0.0] * self.cells
        for unit in range(units):
            self.arrive(unit * 2654435761 % 2**32 * self.cells >> 32, 0, self.amount(STORED))

    def amount(self, mean):
        return self.chance.lognormvariate(math.log(mean) - SPREAD**2 / 2, SPREAD)

    def arrive(self, cell, day, stored):
        self.daily.append(self.amount(DAILY))
        self.stored.append(stored)
        self.born.append(day)
        self.home.append(cell)
        self.add(cell, len(self.home) - 1, day, 1)

    def add(self, cell, unit, day, sign):
        self.rate[cell] += sign * self.daily[unit] / 86400 * self.weight
        self.octets[cell] += sign * self.size(unit, day) * self.weight

    def size(self, unit, day):
        kept = self.stored[unit] + self.daily[unit] * KEPT_SHARE * (day - self.born[unit])
        return kept * (KEPT_OCTETS + INLINE_OCTETS) + self.daily[unit] * PASSING_DAYS * PASSING_OCTETS

    def fill(self, cell):
        """How full it is: of work in the busiest hour or of octets, whichever is more."""
        return max(self.rate[cell] * PEAK / CELL_RATE, self.octets[cell] / CELL_OCTETS)

    def day(self, day):
        for cell in range(self.cells):
            self.octets[cell] += self.rate[cell] * 86400 * KEPT_SHARE * (KEPT_OCTETS + INLINE_OCTETS)
        for _ in range(int(len(self.home) * CHANGE)):
            unit = self.chance.randrange(len(self.home))
            self.add(self.home[unit], unit, day, -1)
            self.stored[unit] += self.daily[unit] * KEPT_SHARE * (day - self.born[unit])
            self.born[unit], self.daily[unit] = day, self.amount(DAILY)
            self.add(self.home[unit], unit, day, 1)
        new = len(self.home) * GROWTH / 365
        for number in range(int(new) + (self.chance.random() < new % 1)):
            if number % 200 == 0:
                cell = min(range(self.cells), key=self.fill)
            self.arrive(cell, day, 0.0)
        self.grow()
        self.balance(day)
        for cell in range(self.cells):
            self.fail(cell)

    def grow(self):
        """Whoever runs it adds a cell before all are full; it fills with who is new and who is moved."""
        while sum(map(self.fill, range(self.cells))) > FULL * self.cells:
            self.cells += 1
            self.rate.append(0.0)
            self.octets.append(0.0)

    def balance(self, day):
        """From cells that are too full, whoever is drawn, to the emptiest one."""
        left = self.moves_a_day / self.weight
        mean = sum(map(self.fill, range(self.cells))) / self.cells
        crowded = [cell for cell in range(self.cells) if self.fill(cell) > HIGH * mean]
        if not crowded or left < 1:
            self.unmet += bool(crowded)
            return
        candidates = {cell: [] for cell in crowded}
        for unit in self.chance.sample(range(len(self.home)), min(len(self.home), int(left * 50))):
            if self.home[unit] in candidates:
                candidates[self.home[unit]].append(unit)
        order = sorted(range(self.cells), key=self.fill)
        goals = itertools.cycle(order[: max(1, self.cells // 5)])
        for cell in sorted(crowded, key=self.fill, reverse=True):
            for unit in candidates[cell]:
                goal = next(goals)
                if left < 1 or self.fill(cell) < LOW * mean:
                    break
                if self.fill(goal) > mean:
                    continue
                self.add(cell, unit, day, -1)
                self.home[unit] = goal
                self.add(goal, unit, day, 1)
                left -= 1
                self.moved += self.weight
                self.frozen += self.weight * self.size(unit, day) / COPY_OCTETS_SECOND

    def fail(self, cell):
        """One day of three machines."""
        for _ in range(3):
            if self.chance.random() * MACHINE_DAYS > 1:
                continue
            leads = self.chance.random() < 1 / 3
            seconds = FAILOVER_SECONDS if leads else STANDBY_SECONDS
            self.failovers += leads
            if self.chance.random() * MACHINE_DAYS * 24 < 2 * REPAIR_HOURS:
                seconds, self.waits = BOTH_LOST_HOURS * 3600, self.waits + 1
            rate = self.rate[cell] * (1 + (PEAK - 1) * self.chance.random())
            self.away += seconds * self.accounts / self.cells
            self.held += seconds * rate
            self.drained = max(self.drained, seconds * rate / max(1e-9, CELL_RATE - rate))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("accounts", 1_000_000), ("cells", 0), ("days", 365), ("seed", 1), ("moves", -1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--no-moves", action="store_true")
    options = parser.parse_args()
    need = STORED * (KEPT_OCTETS + INLINE_OCTETS) / CELL_OCTETS
    cells = options.cells or math.ceil(options.accounts * need * 1.6)
    moves = options.accounts // 500 if options.moves < 0 else options.moves
    year = Year(options.accounts, cells, 0 if options.no_moves else moves, random.Random(options.seed))
    year.start()
    spread = {}
    for day in range(1, options.days + 1):
        year.day(day)
        fills = sorted(map(year.fill, range(year.cells)))
        if day in {1, options.days // 2, options.days}:
            mean = sum(fills) / year.cells
            spread[f"day {day}"] = {"cells": year.cells, "mean": round(mean, 2), "fullest": round(fills[-1], 2),
                                    "fullest/mean": round(fills[-1] / mean, 2)}  # fmt: skip
    people = len(year.home) * year.weight
    print(json.dumps({
        "accounts at the end": round(people), "cells": year.cells, "fill": spread, "moved": round(year.moved),
        "moved share": round(year.moved / people, 4),
        "mean seconds frozen in a move": round(year.frozen / max(1, year.moved), 1),
        "days on which a cell was too full and nothing could be moved": year.unmet,
        "failovers": year.failovers, "cells that lost two of three": year.waits,
        "seconds away an account and year": round(year.away / options.accounts * 365 / options.days, 1),
        "messages held in all": round(year.held), "longest drain s": round(year.drained, 2),
        "peak rate of all cells": round(sum(year.rate) * PEAK),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
