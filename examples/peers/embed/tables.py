"""The two tables of compare: the same number of iterations, and the time to the same quality.

A turn is what compare measured and the judge found: {seconds, cpu_s, stage_ms, iterations, kl, kl_dense, nnp, trust,
snapshots}, or {failure}. `turns` has those of each contestant, by its key.
"""

import statistics

from bench import print_table, short

STAGES = ["neighbours", "affinities", "optimise"]
OURS = "revacnn"
YARDSTICK = "scikit-learn"
# Iterations whose KL is shown, of those contestants that keep snapshots.
EARLY = [250, 500]
# Above this share the KL that ReVACNN reports of itself is not the judge's.
KL_DIFFERENCE = 0.01


def rounds_of(turns, player):
    return [turn for turn in turns.get(player.key, []) if "failure" not in turn]


def median(values):
    """The median of what is there, None if nothing is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def at_iteration(turn, iteration):
    return next((shot["kl"] for shot in turn["snapshots"] if shot["iteration"] == iteration), None)


def cell(value, form=short):
    return "-" if value is None else form(value)


def equal_iterations(players, turns):
    """The first table: quality and seconds after all iterations."""
    def four(value):
        return f"{value:.4f}"

    early = [f"KL at {iteration}" for iteration in EARLY]
    lines = [["contestant", "iterations", *early, "KL", "KL, dense P", "NNP@12", "trust@12",
              *(f"{stage} s" for stage in STAGES), "all s", "CPU s", "rounds"]]
    for player in players:
        known = rounds_of(turns, player)
        if not known:
            continue
        stages = [median(turn["stage_ms"].get(stage) for turn in known) for stage in STAGES]
        lines.append([
            player.name, str(max(turn["iterations"] for turn in known)),
            *(cell(median(at_iteration(turn, iteration) for turn in known), four) for iteration in EARLY),
            *(cell(median(turn[number] for turn in known), four) for number in ("kl", "kl_dense", "nnp", "trust")),
            *(cell(None if stage is None else stage / 1000) for stage in stages),
            short(median(turn["seconds"] for turn in known)), short(median(turn["cpu_s"] for turn in known)),
            str(len(known)),
        ])
    return lines


def reached(turn, goal):
    """(iteration, seconds) of the first snapshot at least as good as the goal, else of the end, else None."""
    for shot in turn["snapshots"]:
        if shot["kl"] is not None and shot["kl"] <= goal:
            return shot["iteration"], shot["seconds"]
    return (turn["iterations"], turn["seconds"]) if turn["kl"] <= goal else None


def time_to_quality(players, turns, goal):
    """The second table: {key: (iterations, seconds)} and its lines. None for those that do not get there."""
    found = {}
    for player in players:
        ends = [reached(turn, goal) for turn in rounds_of(turns, player)]
        if ends:
            there = [end for end in ends if end]
            found[player.key] = tuple(map(statistics.median, zip(*there))) if len(there) == len(ends) else None
    ours = found.get(OURS)
    lines = [["contestant", "iterations", "seconds", "vs ReVACNN", "seen every"]]
    for player in players:
        if player.key in found:
            end = found[player.key]
            shots = rounds_of(turns, player)[0]["snapshots"]
            lines.append([player.name, *((f"{end[0]:.0f}", short(end[1])) if end else ("never", "-")),
                          f"{short(end[1] / ours[1])}x" if end and ours else "-",
                          str(shots[0]["iteration"]) if shots else "the end"])
    return found, lines


def furthest(turns):
    """How far any round's seconds are from their median, in per cent."""
    kinds = [[turn["seconds"] for turn in known if "failure" not in turn] for known in turns.values()]
    return max((100 * abs(s / statistics.median(kind) - 1) for kind in kinds for s in kind), default=0)


def report(given, players, name, turns):
    """Prints both tables and what there is to say; returns the data set's part of the JSON."""
    yardstick = next((player for player in players if player.key == YARDSTICK), None)
    goal = median(turn["kl"] for turn in rounds_of(turns, yardstick)) if yardstick else None
    print(f"\n{name}: after {given.iterations} iterations, perplexity {given.perplexity:g}\n")
    print_table(equal_iterations(players, turns))
    quality = None
    if goal is not None and len(turns) > 1:
        quality, lines = time_to_quality(players, turns, goal)
        print(f"\n{name}: seconds until KL <= {goal:.4f}, that of {yardstick.name} at its end")
        print("(vs: how many times as long it takes)\n")
        print_table(lines)
    print()
    for line in dict.fromkeys(remarks(players, turns)):
        print(line)
    return {"goal_kl": goal, "turns": turns, "time_to_quality": quality}


def remarks(players, turns):
    """Who failed and why, whose own KL is not the judge's, how steady the times are."""
    for player in players:
        for turn in turns.get(player.key, []):
            own = turn.get("kl_of_itself")
            if "failure" in turn:
                yield f"{player.name}: failed: {turn['failure']}."
            elif player.key == OURS and own is not None and not abs(own - turn["kl"]) <= KL_DIFFERENCE * turn["kl"]:
                yield f"{player.name} reports KL {own:.4f} of itself, the judge {turn['kl']:.4f}."
    away = furthest(turns)
    yield f"Furthest round from its median: {away:.0f} %" + (
        "; the machine is busy with something else." if away > 30 else ".")
