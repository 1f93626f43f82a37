"""Measures three producers in turns on one real broker. Started by ci/bench, which builds what it needs."""

import argparse
import json
import math
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

VALUE_BYTES = 512
PARTITIONS = 12
NAMES = {"ours": "highwater", "c": "rdkafka_performance -D", "java": "ProducerPerformance"}
# What issue and README promise: (measure, other client, relation, limit).
BARS = [
    ("cpu_s_per_million", "c", "at most", 1.25),
    ("cpu_s_per_million", "java", "at most", 0.4),
    ("events_per_s", "java", "at least", 1.2),
]
MEASURES = {"cpu_s_per_million": "cpu-s per million", "events_per_s": "events/s"}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="ci/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds; one more goes before and is not counted (%(default)s)")
    parser.add_argument("--events", type=int, default=3_000_000, help="events a client and round (%(default)s)")
    parser.add_argument("--rate", type=int, help="offer this many events a second instead of as many as go")
    parser.add_argument("--seconds", type=int, default=60, help="with --rate: how long a client runs (%(default)s)")
    parser.add_argument("--compression", default="none", help="codec of all three (%(default)s)")
    parser.add_argument("--clients", default="ours,c,java", help="which to measure (%(default)s)")
    parser.add_argument("--report", type=Path, help="write the tables, with the machine's description, to this Markdown file")
    for internal in ("--dir", "--program", "--c-program", "--machine"):
        parser.add_argument(internal, default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.clients = options.clients.split(",")
    if unknown := set(options.clients) - set(NAMES):
        parser.error(f"--clients: {', '.join(sorted(unknown))}: not one of {', '.join(NAMES)}")
    for name in ("rounds", "events", "rate", "seconds"):
        if (getattr(options, name) or 1) < 1:
            parser.error(f"--{name}: must be at least 1")
    if options.rate:
        options.events = options.rate * options.seconds
    options.dir = Path(options.dir)
    return options


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


# --- the broker --------------------------------------------------------------------------------------------------------


class Broker:
    """One real broker of our own, gone with its data at the end."""

    def __init__(self, directory):
        self.directory = directory
        self.bootstrap = ""

    def __enter__(self):
        self.script("down")  # what an earlier run that was killed has left
        self.bootstrap = self.script("up", "--port", "0").splitlines()[-1]
        return self

    def __exit__(self, *_):
        self.script("down")

    def script(self, command, *arguments):
        line = ["ci/kafka", command, "--dir", self.directory, *arguments]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: {' '.join(map(str, line))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def topics(self, *arguments):
        self.script("tool", "TopicCommand", "--bootstrap-server", self.bootstrap, *arguments)

    def create(self, topic):
        # Nothing is deleted while a client is measured.
        self.topics("--create", "--topic", topic, "--partitions", str(PARTITIONS), "--config", "retention.bytes=-1")

    def delete_all(self):
        self.topics("--delete", "--if-exists", "--topic", r"(highwater\.)?bench\..*")
        time.sleep(2)  # the files go a second later


# --- the clients -------------------------------------------------------------------------------------------------------


class Failed(Exception):
    pass


def measured(line, log):
    """Runs a client; its exit code and the cpu-seconds, user and system, of its process."""
    with open(log, "w") as output:
        child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            child.wait()
            raise
        child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_utime + usage.ru_stime


def found(pattern, log):
    matches = re.findall(pattern, Path(log).read_text(errors="replace"))
    if not matches:
        tail = "\n".join(Path(log).read_text(errors="replace").splitlines()[-15:])
        raise Failed(f"no result in {log}:\n{tail}")
    return matches[-1]


def result(events, events_per_s, cpu_s, **more):
    return {"events": events, "events_per_s": events_per_s, "cpu_s_per_million": cpu_s / events * 1e6, **more}


def run_c(options, broker, topic, log):
    line = [options.c_program, "-P", "-D", "-q", "-b", broker.bootstrap, "-t", topic, "-s", str(VALUE_BYTES)]
    line += ["-c", str(options.events), "-a", "-1"]
    properties = ["enable.idempotence=true", "linger.ms=5", "batch.size=131072", f"compression.codec={options.compression}"]
    # The queue that ours has by default, for one client of a run.
    properties += ["queue.buffering.max.messages=100000", "queue.buffering.max.kbytes=65536"]
    line += [word for item in properties for word in ("-X", item)]
    line += ["-r", str(options.rate)] if options.rate else []
    code, cpu_s = measured(line, log)
    delivered, failed, ms = map(int, found(r"(\d+) delivered \(offset -?\d+, (\d+) failed\) in (\d+)ms", log))
    # Its threads count what was produced without a lock: now and then one is lost, and it exits with 1 though all was delivered.
    if code not in (0, 1) or failed or delivered != options.events:
        raise Failed(f"rdkafka_performance delivered {delivered} of {options.events}, {failed} failed, exit code {code}; see {log}")
    return result(delivered, delivered / ms * 1e3, cpu_s)


def run_java(options, broker, topic, log):
    line = ["ci/kafka", "tool", "--dir", broker.directory, "ProducerPerformance", "--bootstrap-server", broker.bootstrap]
    line += ["--topic", topic, "--num-records", str(options.events), "--record-size", str(VALUE_BYTES)]
    line += ["--throughput", str(options.rate or -1), "--command-property", "acks=all", "enable.idempotence=true"]
    line += ["linger.ms=5", "batch.size=131072", f"compression.type={options.compression}"]
    code, cpu_s = measured(line, log)
    pattern = r"(\d+) records sent, ([\d.]+) records/sec .*?, (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th"
    sent, rate, p50, p99 = found(pattern, log)
    if code != 0 or int(sent) != options.events:
        raise Failed(f"ProducerPerformance sent {sent} of {options.events}, exit code {code}; see {log}")
    return result(int(sent), float(rate), cpu_s, service_p50_us=int(p50) * 1000, service_p99_us=int(p99) * 1000)


class Ours:
    """Unthrottled flows run for a time, not for a count: the time follows from the rate of the round before."""

    def __init__(self):
        self.events_per_s = 300_000.0

    def __call__(self, options, broker, topic, log):
        folder = options.dir / "run"
        shutil.rmtree(folder, ignore_errors=True)
        line = [options.program, "run", "ci/bench.toml", "-b", broker.bootstrap, "--json", "--out", folder, "--topic-prefix", f"{topic}."]
        line += ["-X", f"compression.type={options.compression}"]
        if options.rate:
            line += ["--set", 'flow.load.arrivals="poisson"', "--set", f'flow.load.mean="{options.rate}/s"', "--duration", f"{options.seconds}s"]
        else:
            line += ["--duration", f"{max(1, round(options.events / self.events_per_s * 1000))}ms"]
        code, cpu_s = measured(line, log)
        # Unthrottled, the generator may well be the limit: then the verdict is invalid, and the cost is still the cost.
        if code not in (0, 1, 3) or not (folder / "run.json").exists():
            raise Failed(f"highwater: exit code {code}; see {log}")
        run = json.loads((folder / "run.json").read_text())
        flow = run["flows"]["load"]
        account = flow["account"]
        if account["failed"] or account["unresolved"] or not account["acknowledged"]:
            raise Failed(f"highwater: the account is {account}; see {log}")
        events = account["acknowledged"]
        self.events_per_s = flow["achieved_per_s"]
        delays = {f"{kind}_{q}_us": flow.get(kind, {}).get(f"{q}_us") for kind in ("send_delay", "service") for q in ("p50", "p99")}
        bytes_per_event = flow["bytes"] / events
        return result(events, flow["achieved_per_s"], cpu_s, verdict=run["verdict"], value_bytes=bytes_per_event, **delays)


# --- rounds ------------------------------------------------------------------------------------------------------------


def run_rounds(options, broker):
    """One result a client for each counted round. The order of the clients moves on by one each round."""
    runners = {"ours": Ours(), "c": run_c, "java": run_java}
    rounds = []
    for number in range(options.rounds + 1):
        shift = number % len(options.clients)
        results = {}
        for client in options.clients[shift:] + options.clients[:shift]:
            check_disk(options)
            # Ours makes its own topics, under the prefix highwater.bench.; a fresh one for each round either way.
            topic = f"highwater.bench.{number}" if client == "ours" else f"bench.{client}.{number}"
            if client != "ours":
                broker.create(topic)
            results[client] = runners[client](options, broker, topic, options.dir / f"{client}.log")
            broker.delete_all()
            shown = results[client]
            name = f"round {number}" if number else "warm-up"
            note(f"{name}: {NAMES[client]}: {shown['events_per_s']:,.0f} events/s, {shown['cpu_s_per_million']:.2f} cpu-s per million")
        if number > 0:  # the first warms the broker's JVM
            rounds.append(results)
    return rounds


def check_disk(options):
    need = 2 * options.events * (VALUE_BYTES + 100) + 1e9
    free = shutil.disk_usage(options.dir).free
    if free < need:
        sys.exit(f"bench: {options.dir} has {free / 1e9:.1f} GB free, and {need / 1e9:.1f} GB are needed; try fewer --events")


# --- statistics --------------------------------------------------------------------------------------------------------


def hodges_lehmann(values):
    """Estimate of the centre, interval by Wilcoxon's signed ranks (95 % where the count allows), and its coverage."""
    n = len(values)
    walsh = sorted((values[i] + values[j]) / 2 for i in range(n) for j in range(i, n))
    ways = [1] + [0] * (n * (n + 1) // 2)  # ways[w]: sign patterns with rank sum w
    for rank in range(1, n + 1):
        for total in range(len(ways) - 1, rank - 1, -1):
            ways[total] += ways[total - rank]
    below, cut = ways[0], 0
    while 2 * (below + ways[cut + 1]) <= 0.05 * 2**n:
        cut += 1
        below += ways[cut]
    return statistics.median(walsh), walsh[cut], walsh[-1 - cut], 1 - 2 * below / 2**n


def ratio(rounds, measure, other):
    logs = [math.log(each["ours"][measure] / each[other][measure]) for each in rounds]
    centre, low, high, coverage = hodges_lehmann(logs)
    return math.exp(centre), math.exp(low), math.exp(high), coverage


def judged(low, high, relation, limit):
    if relation == "at least":
        low, high, limit = 1 / high, 1 / low, 1 / limit
    if high <= limit:
        return "held"
    return "missed" if low > limit else "undecided"


# --- tables ------------------------------------------------------------------------------------------------------------


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines)


def spread(rounds, client, measure, form):
    values = [each[client][measure] for each in rounds]
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def client_table(options, rounds):
    head = ["client", "events/s, median (range)", "client cpu-s per million, median (range)"]
    rows = [
        [NAMES[client], spread(rounds, client, "events_per_s", ",.0f"), spread(rounds, client, "cpu_s_per_million", ".2f")]
        for client in options.clients
    ]
    return table(head, rows)


def ratio_table(options, rounds):
    rows = []
    for measure, other, relation, limit in BARS:
        # At a fixed rate all three are as fast, and a start-up weighs more: ratios are shown, not judged.
        if other not in options.clients or (options.rate and measure == "events_per_s"):
            continue
        centre, low, high, coverage = ratio(rounds, measure, other)
        shown = f"{low:.2f} to {high:.2f} ({coverage:.0%})"
        bar = [] if options.rate else [f"{relation} {limit}", judged(low, high, relation, limit)]
        rows.append([f"{MEASURES[measure]}, ours ÷ {NAMES[other]}", f"{centre:.2f}", shown, *bar])
    head = ["ratio", "estimate", "interval"] + ([] if options.rate else ["bar", ""])
    return table(head, rows)


def delay_table(options, rounds):
    def median(client, key):
        values = [each[client][key] for each in rounds if each[client].get(key) is not None]
        return f"{statistics.median(values):,.0f} µs" if values else "-"

    columns = ["send_delay_p50_us", "send_delay_p99_us", "service_p50_us", "service_p99_us"]
    rows = [[NAMES[client], *(median(client, key) for key in columns)] for client in options.clients]
    return table(["client", "send delay p50", "p99", "service p50", "p99"], rows)


def summary(options, rounds):
    how = f"{options.rate:,} events/s for {options.seconds} s" if options.rate else f"about {options.events:,} events, unthrottled"
    parts = [
        f"{len(rounds)} rounds in turns, {how}, on one broker on the same machine; {VALUE_BYTES} B values, acks=all, idempotent, "
        f"linger 5 ms, batches of 128 KiB, {PARTITIONS} partitions, compression {options.compression}. Cpu is the whole client process's, start included.",
        client_table(options, rounds),
    ]
    if options.rate:
        parts.append("Medians over the rounds. Kafka's tool counts in milliseconds and from the actual send; rdkafka_performance spins between sends.")
        parts.append(delay_table(options, rounds))
    if "ours" in options.clients and len(options.clients) > 1:
        parts.append("Ratios: Hodges-Lehmann estimate of the paired log ratios, interval by Wilcoxon's signed ranks.")
        parts.append(ratio_table(options, rounds))
    if "ours" in options.clients:
        verdicts = sorted({each["ours"]["verdict"] for each in rounds})
        size = statistics.mean(each["ours"]["value_bytes"] for each in rounds)
        parts.append(f"Ours sent values of {size:.0f} B on average; verdicts of its runs: {', '.join(verdicts)}.")
    return "\n\n".join(parts)


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with Broker(options.dir / "kafka") as broker:
            rounds = run_rounds(options, broker)
    except Failed as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    text = summary(options, rounds)
    print(text)
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        title = f"# ci/bench: {'fixed rate' if options.rate else 'unthrottled'}"
        raw = "\n".join(json.dumps(each) for each in rounds)
        options.report.write_text(f"{title}\n\n{options.machine}\n\n{text}\n\nEvery round:\n\n```json\n{raw}\n```\n")


if __name__ == "__main__":
    main()
