"""The alarms' arithmetic, played: a healthy run of millions of photos sets none off, and each trouble sets its own off."""

import math
import re

import cloudformation
import pytest

HOUR = 12  # periods of five minutes
QUIET = {"age": 0, "waiting": 0, "done": 0, "http": 0, "http_errors": 0, "http_throttles": 0}
QUIET |= {"bulk": 0, "bulk_errors": 0, "bulk_throttles": 0, "photos": 0, "returned": 0, "dead": 0}
# Which series each metric of the template is.
SERIES = {
    ("ApproximateAgeOfOldestMessage", "Queue.QueueName"): "age",
    ("ApproximateNumberOfMessagesVisible", "Queue.QueueName"): "waiting",
    ("NumberOfMessagesDeleted", "Queue.QueueName"): "done",
    ("ApproximateNumberOfMessagesVisible", "DeadLetters.QueueName"): "dead",
    ("Photos", "DetectBulk"): "photos",
    ("HandedBack", "DetectBulk"): "returned",
} | {
    (metric, function): name
    for function, prefix in (("DetectHttp", "http"), ("DetectBulk", "bulk"))
    for metric, name in (("Invocations", prefix), ("Errors", f"{prefix}_errors"), ("Throttles", f"{prefix}_throttles"))
}


@pytest.fixture(scope="module")
def alarms():
    return cloudformation.translated({})[0].of_type("AWS::CloudWatch::Alarm")


def series_of(metric):
    dimension = [d["Value"] for d in metric["Dimensions"] if d["Name"] in ("QueueName", "FunctionName", "function_name")]
    return SERIES[metric["MetricName"], *dimension]


def values(alarm, run):
    """What the alarm compares with its threshold in each period; None: no data."""
    if "Metrics" not in alarm:
        return [moment.get(series_of(alarm)) for moment in run]
    [expression] = [entry["Expression"] for entry in alarm["Metrics"] if entry["ReturnData"]]
    names = {e["Id"]: series_of(e["MetricStat"]["Metric"]) for e in alarm["Metrics"] if "MetricStat" in e}
    assert all(e["MetricStat"]["Period"] == 300 for e in alarm["Metrics"] if "MetricStat" in e)
    # CloudWatch's metric math, as far as it is used.
    text = re.sub(r"\bIF\(", "choose(", expression).replace("AND", "and").replace("OR", "or")
    names_used = set(re.findall(r"[a-z]\w*", text)) - {"choose", "and", "or"}
    assert names_used == set(names), f"{names_used} and {set(names)}"

    def at(moment):
        given = {name: moment.get(series) for name, series in names.items()}
        given = {name: math.nan if value is None else value for name, value in given.items()}
        functions = {"choose": lambda c, a, b: a if c else b, "FILL": lambda v, other: other if v != v else v}
        try:
            value = eval(text, {"__builtins__": {}}, Lazy(given | functions))
        except ZeroDivisionError:
            return None
        return None if value != value else value

    return [at(moment) for moment in run]


class Lazy(dict):
    """Both arms of IF are reckoned; a division by nothing in the other one is no data there."""


def went_off(alarms, run):
    """The alarms that were in ALARM at any time."""
    found = set()
    for name, alarm in alarms.items():
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold" and alarm["TreatMissingData"] == "notBreaching"
        window, needed = alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
        over = [value is not None and value > alarm["Threshold"] for value in values(alarm, run)]
        if any(sum(over[i : i + window]) >= needed for i in range(len(over) - window + 1)):
            found.add(name)
    return found


def moments(count, **changed):
    return [{name: value for name, value in (QUIET | changed).items() if value is not None} for _ in range(count)]


IDLE = moments(HOUR, **dict.fromkeys(QUIET))  # no data at all


def draining(messages, per_period, **more):
    """A run: everything is sent at once, and worked off."""
    run = []
    for period in range(math.ceil(messages / per_period)):
        left = messages - period * per_period
        batches = per_period / 100
        moment = {"age": 300 * (period + 1), "waiting": left, "done": per_period, "bulk": batches, "photos": per_period}
        run += moments(1, **(moment | {name: value(period) for name, value in more.items()}))
    return IDLE + run + IDLE


def test_a_healthy_run_of_millions_is_quiet(alarms):
    # Ten million photos at 300/s: nine hours, and a queue as old as that in the end.
    healthy = {
        "bulk_errors": lambda period: 1 if period % 50 == 7 else 0,  # a machine that AWS replaced
        "bulk_throttles": lambda period: 40 if period < 4 else 0,  # while it scales up
        "returned": lambda period: 900,  # batches that ran out of time
        "http": lambda period: 300_000,
        "http_errors": lambda period: 2,
        "http_throttles": lambda period: 9_000,
    }
    assert went_off(alarms, draining(10_000_000, 90_000, **healthy)) == set()


def test_long_batches_are_quiet(alarms):
    """Batches of 900 s, all in step: nothing is done for two periods in a row, again and again."""
    run = moments(1, age=300, waiting=500_000, done=0)
    for hour in range(3 * HOUR):
        run += moments(1, age=300 * hour + 2000, waiting=500_000, done=100_000 if hour % 3 == 2 else 0)
    assert went_off(alarms, run) == set()


def test_an_idle_stack_is_quiet(alarms):
    assert went_off(alarms, IDLE * 10) == set()
    assert went_off(alarms, moments(HOUR)) == set()


def test_a_few_requests_are_quiet(alarms):
    run = IDLE + moments(3, http=2, bulk=1, photos=3, done=3, age=4) + moments(1, http=1, http_errors=1) + IDLE
    assert went_off(alarms, run) == set()


@pytest.mark.parametrize(
    ("expected", "run"),
    [
        ({"QueueStalledAlarm"}, draining(900_000, 90_000) + moments(6, age=3600, waiting=5000, done=0)),
        ({"QueueStalledAlarm"}, moments(6, age=1500, waiting=1, done=None)),
        # A hundred million at 100/s take eleven days, and messages live four.
        ({"QueueAgeAlarm"}, moments(8, age=2000, waiting=100_000_000, done=30_000, photos=30_000, bulk=300)),
        ({"QueueAgeAlarm"}, moments(8, age=300_000, waiting=10, done=10)),
        ({"HandedBackAlarm"}, moments(4, age=900, waiting=1000, done=10, photos=500, returned=450)),
        ({"HttpErrorsAlarm"}, moments(3, http=10, http_errors=10)),
        ({"HttpErrorsAlarm"}, moments(3, http=10_000, http_errors=200)),
        ({"HttpThrottlesAlarm"}, moments(3, http=1000, http_throttles=500)),
        ({"HttpThrottlesAlarm"}, moments(3, http=0, http_throttles=20)),
        ({"BulkErrorsAlarm"}, moments(3, bulk=100, bulk_errors=20, done=50, age=100)),
        ({"BulkThrottlesAlarm"}, moments(3, bulk=100, bulk_throttles=100, done=50, age=100)),
        ({"DeadLettersAlarm"}, moments(1, dead=1)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, set) else "run",
)
def test_each_failure_sets_its_alarm_off(alarms, expected, run):
    assert went_off(alarms, run + IDLE) == expected


def test_each_alarm_is_played_here(alarms):
    played = {next(iter(mark.args[1][i][0])) for mark in test_each_failure_sets_its_alarm_off.pytestmark for i in range(len(mark.args[1]))}
    assert played == set(alarms)
