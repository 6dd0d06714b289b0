"""The rules of an edge node, each test named after the assertion of the Sparkplug 3.0 specification that it follows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from stationd.core.model import PointId
from stationd.outputs.sparkplug.catalogue import Catalogue, MetricKind, Sample, Trust
from stationd.outputs.sparkplug.node import REBIRTH_EVERY_S, REBIRTHS_AT_ONCE, EdgeNode, Heard, Moment, Phase
from stationd.outputs.sparkplug.payload import DataType
from tests.outputs.sparkplug.schema import Payload
from tests.outputs.sparkplug.session import CURRENT, MODE, ON, POWER, START_MS, Session, catalogue, good

BIRTHS = ["NBIRTH", "DBIRTH/pfe-a", "DBIRTH/fp1-booster"]
STALE = Sample(None, Trust.STALE, START_MS + 5000, "stale timeout", START_MS)


# Rule 1: topics.


def test_tck_id_topic_structure_every_topic_has_the_place_of_group_verb_node_and_device() -> None:
    session = Session().connect()
    session.says((CURRENT, good(1.0)))
    assert [message.topic for message in session.sent] == [
        "spBv1.0/caspian/NBIRTH/aktau",
        "spBv1.0/caspian/DBIRTH/aktau/pfe-a",
        "spBv1.0/caspian/DBIRTH/aktau/fp1-booster",
        "spBv1.0/caspian/DDATA/aktau/pfe-a",
    ]


@pytest.mark.parametrize("name", ["a/b", "a+", "#", "", "a\0"])
def test_tck_id_topic_structure_namespace_valid_identifiers_only(name: str) -> None:
    for group, node, host, device in ((name, "n", "", "d"), ("g", name, "", "d"), ("g", "n", "", name)):
        with pytest.raises(ValueError, match="cannot be an identifier"):
            Catalogue(group, node, {device: ()}, (), host)


# Rule 3: the will.


def test_tck_id_message_flow_edge_node_birth_publish_will_message() -> None:
    will = EdgeNode(catalogue()).connecting(Moment(START_MS, 0.0))
    assert (will.topic, will.qos) == ("spBv1.0/caspian/NDEATH/aktau", 1)
    message = Payload.FromString(will.payload)
    assert not message.HasField("seq")
    assert [(metric.name, metric.datatype, metric.long_value) for metric in message.metrics] == [("bdSeq", 4, 0)]


# Rule 4: bdSeq.


def test_tck_id_topics_nbirth_bdseq_increment_at_every_connection_from_0_to_255_and_again() -> None:
    session = Session()
    numbers = []
    for _ in range(258):
        session.connect()
        numbers.append(session.host.birth_number)
        session.cut()
    assert numbers == [*range(256), 0, 1]


def test_tck_id_topics_nbirth_bdseq_increment_goes_on_after_a_restart() -> None:
    session = Session(last_birth_number=41).connect()
    assert (session.node.birth_number, session.host.birth_number) == (42, 42)


def test_tck_id_topics_nbirth_bdseq_matching_a_failed_attempt_uses_a_number_up_and_its_late_will_kills_nobody() -> None:
    session = Session()
    lost = session.node.connecting(session.now)  # nobody answered, but the broker may have taken it
    session.node.disconnected()
    session.connect()
    session.host.hear(lost.topic, lost.payload, lost.qos)
    assert session.host.online
    session.cut()
    assert not session.host.online


# Rule 5: subscriptions.


def test_tck_id_message_flow_edge_node_ncmd_subscribe_and_never_a_command_of_a_device() -> None:
    assert EdgeNode(catalogue()).subscriptions() == ("spBv1.0/caspian/NCMD/aktau",)
    assert EdgeNode(catalogue("scada")).subscriptions() == ("spBv1.0/STATE/scada", "spBv1.0/caspian/NCMD/aktau")


def test_tck_id_message_flow_edge_node_birth_publish_connect_nothing_is_sent_before_the_connection_stands() -> None:
    session = Session()
    assert session.flow() == []
    session.node.connecting(session.now)
    assert session.flow() == []


# Rules 6, 7, 9: births.


def test_tck_id_operational_behavior_data_publish_nbirth_has_every_metric_also_those_without_a_value() -> None:
    session = Session().connect()
    assert session.heard() == BIRTHS
    assert {name for name, known in session.host.known.items() if known.value is None} == {
        "Properties/Title",
        "pfe-a/output_current",
        "pfe-a/output_on",
        "pfe-a/regulation",
        "fp1-booster/output_power",
    }
    assert session.host.known["pfe-a/output_current"].quality == 0
    assert session.host.known["pfe-a/output_current"].properties["engUnit"] == "mA"


def test_tck_id_operational_behavior_data_publish_dbirth_values_are_the_current_ones_with_the_time_of_their_exchange() -> None:
    session = Session()
    session.node.update({CURRENT: good(1000.5, START_MS - 250), ON: good(True), MODE: good("cc")})
    session.connect()
    known = session.host.known
    assert [known[f"pfe-a/{name}"].value for name in ("output_current", "output_on", "regulation")] == [1000.5, True, "cc"]
    assert known["pfe-a/output_current"].timestamp == START_MS - 250
    assert known["pfe-a/output_current"].properties == {"engUnit": "mA", "Quality": 192, "Reason": ""}


def test_tck_id_topics_nbirth_rebirth_metric_is_there_without_an_alias() -> None:
    session = Session().connect()  # the host looks at type, value and alias
    assert session.host.known["Node Control/Rebirth"].value is False


def test_tck_id_payloads_nbirth_seq_is_zero_also_when_many_messages_went_before() -> None:
    session = Session().connect()
    session.says((CURRENT, good(1.0)))
    session.command()
    session.wait(1.0)
    births = session.flow()
    assert Payload.FromString(births[0].payload).seq == 0


def test_tck_id_payloads_dbirth_order_all_births_come_before_any_data() -> None:
    session = Session()
    session.node.update({CURRENT: good(1.0)})
    session.will = session.node.connecting(session.now)
    session.host.expect_will(session.will.topic, session.will.payload)
    session.node.connected()
    while len(session.sent) < 3:
        message = session.node.next_message(session.now)
        assert message is not None
        session.node.update({CURRENT: good(float(len(session.sent)) + 2.0)})
        session.deliver(message)
    session.flow()
    assert session.heard() == [*BIRTHS, "DDATA/pfe-a"]


def test_tck_id_message_flow_device_birth_publish_only_devices_that_answer_are_born() -> None:
    session = Session(devices=False).connect()
    assert session.heard() == ["NBIRTH"]
    session.node.answers("fp1-booster")
    session.flow()
    assert session.heard() == ["DBIRTH/fp1-booster"]


# Rule 8: seq.


def test_tck_id_payloads_sequence_num_incrementing_over_all_messages_and_from_255_to_0() -> None:
    session = Session().connect()
    for turn in range(600):
        session.wait(1.0)
        session.says((CURRENT, good(float(turn), session.now.utc_ms)), (POWER, good(float(turn), session.now.utc_ms)))
        if turn % 50 == 0:
            session.node.is_lost("pfe-a")
            session.flow()
            session.node.answers("pfe-a")
            session.flow()
    numbers = [Payload.FromString(message.payload).seq for message in session.sent]
    assert numbers == [count % 256 for count in range(len(numbers))]
    assert not session.host.wants_rebirth


def test_tck_id_payloads_sequence_num_incrementing_a_message_that_cannot_be_sent_leaves_no_hole() -> None:
    session = Session().connect()
    session.node.update({CURRENT: good(7.0)})
    assert session.node.next_message(session.now) is not None  # the broker refuses it: the connection ends
    session.cut()
    session.connect()
    assert not session.host.wants_rebirth
    assert session.host.known["pfe-a/output_current"].value == 7.0


# Rule 10: data.


def test_tck_id_operational_behavior_data_publish_dbirth_change_only_what_changed_is_sent() -> None:
    session = Session().connect()
    session.says((CURRENT, good(1.0)), (ON, good(True)))
    session.wait(1.0)
    assert session.says((CURRENT, good(1.0, session.now.utc_ms)), (ON, good(True, session.now.utc_ms))) == []
    (message,) = session.says((CURRENT, good(1.0, session.now.utc_ms)), (ON, good(False, session.now.utc_ms)))
    assert len(Payload.FromString(message.payload).metrics) == 1


def test_tck_id_operational_behavior_data_publish_nbirth_change_of_the_node_itself_is_ndata() -> None:
    session = Session().connect()
    session.heard()
    session.says((PointId("", "Properties/Title"), good("Aktau")))
    assert session.heard() == ["NDATA"]
    assert session.host.known["Properties/Title"].value == "Aktau"


def test_tck_id_operational_behavior_data_publish_dbirth_order_times_of_a_metric_never_go_back() -> None:
    session = Session().connect()
    session.wait(10.0)
    session.says((CURRENT, replace(STALE, at_ms=session.now.utc_ms)))
    session.says((CURRENT, good(5.0, session.now.utc_ms - 300)))  # an exchange that began before the loss was said
    assert session.host.known["pfe-a/output_current"].timestamp == session.now.utc_ms


def test_a_clock_that_was_set_back_does_not_hold_new_times_in_the_future() -> None:
    session = Session().connect()
    session.says((CURRENT, good(1.0, session.now.utc_ms)))
    session.ahead_ms = -86_400_000
    session.wait(1.0)
    session.node.update({CURRENT: good(2.0, session.now.utc_ms)})
    message = session.node.next_message(session.now)
    assert message is not None
    assert Payload.FromString(message.payload).metrics[0].timestamp == session.now.utc_ms


def test_a_clock_before_1970_still_makes_messages_that_can_be_read() -> None:
    session = Session()
    session.ahead_ms = -START_MS - 1_000_000
    session.connect()
    assert {metric.timestamp for metric in Payload.FromString(session.sent[0].payload).metrics} == {0}


def test_while_nobody_listens_at_most_one_sample_of_a_metric_waits_and_the_newest_is_sent() -> None:
    session = Session().connect()
    for value in range(1000):
        session.node.update({CURRENT: good(float(value))})
    (message,) = session.flow()
    assert [metric.double_value for metric in Payload.FromString(message.payload).metrics] == [999.0]


# Rule 11: aliases.


def test_tck_id_payloads_alias_uniqueness_over_the_whole_node() -> None:
    aliases = list(catalogue().aliases().values())
    assert len(aliases) == len(set(aliases)) == 5


def test_tck_id_payloads_alias_data_cmd_requirement_data_has_aliases_and_neither_name_nor_type() -> None:
    session = Session().connect()
    (message,) = session.says((CURRENT, good(1.0)))
    (metric,) = Payload.FromString(message.payload).metrics
    assert metric.HasField("alias")
    assert not metric.HasField("name")
    assert not metric.HasField("datatype")


# Rule 12: devices.


def test_tck_id_operational_behavior_device_ddeath_and_a_birth_when_it_is_back() -> None:
    session = Session().connect()
    session.heard()
    session.node.is_lost("pfe-a")
    session.says((CURRENT, STALE))
    assert session.heard() == ["DDEATH/pfe-a"]
    assert session.says((CURRENT, good(3.0))) == []  # of a dead device no data
    session.node.answers("pfe-a")
    session.flow()
    assert session.heard() == ["DBIRTH/pfe-a"]
    assert session.host.known["pfe-a/output_current"].value == 3.0


# Rule 13: rebirth.


def test_tck_id_operational_behavior_data_commands_rebirth_action_stops_data_and_gives_all_births_with_the_same_bdseq() -> None:
    session = Session().connect()
    number = session.host.birth_number
    session.heard()
    session.node.update({CURRENT: good(1.0)})
    assert session.command() is Heard.REBIRTH
    session.flow()
    assert session.heard() == BIRTHS
    assert session.host.birth_number == number
    assert session.host.known["pfe-a/output_current"].value == 1.0


def test_tck_id_operational_behavior_host_reordering_rebirth_a_lost_message_ends_in_a_rebirth() -> None:
    session = Session().connect()
    session.loses = lambda message: "DDATA" in message.topic
    session.says((CURRENT, good(1.0)))
    session.loses = lambda message: False
    session.says((CURRENT, good(2.0)))
    assert session.host.wants_rebirth
    assert session.host.known["pfe-a/output_current"].value is None
    session.command()
    session.flow()
    assert not session.host.wants_rebirth
    assert session.host.known["pfe-a/output_current"].value == 2.0


def test_rebirth_storms_are_limited_and_the_last_request_is_still_answered() -> None:
    session = Session().connect()
    births = session.host.births
    for _ in range(1000):
        session.command()
        session.flow()
        session.wait(0.05)
    most = births + REBIRTHS_AT_ONCE + 50.0 / REBIRTH_EVERY_S
    assert most - 1 <= session.host.births <= most
    session.command()
    session.node.update({CURRENT: good(1.0, session.now.utc_ms)})
    assert [message.topic.split("/")[2] for message in session.flow()] == ["DDATA"]  # who asks too often stops nobody's data
    due_s = session.node.due_s(session.now)
    assert due_s is not None
    assert 0.0 < due_s <= REBIRTH_EVERY_S
    session.wait(due_s + 0.001)
    session.flow()
    assert session.heard()[-3:] == BIRTHS


def test_a_rebirth_that_is_asked_for_before_the_birth_or_by_an_old_retained_message_is_none() -> None:
    session = Session()
    session.will = session.node.connecting(session.now)
    session.host.expect_will(session.will.topic, session.will.payload)
    assert session.command() is Heard.REBIRTH
    session.node.connected()
    session.flow()
    assert session.heard() == BIRTHS
    topic, payload = session.host.command()
    assert session.node.received(topic, payload, session.now, retained=True) is Heard.NOTHING
    assert session.flow() == []


@pytest.mark.parametrize(("name", "value"), [("output_on", True), ("Node Control/Reboot", True), ("bdSeq", False), ("", True)])
def test_no_command_but_rebirth_is_ever_accepted(name: str, value: bool) -> None:
    session = Session().connect()
    assert session.command(name, value) is Heard.REFUSED
    assert session.node.counts.commands_refused == 1
    assert session.flow() == []


def test_a_rebirth_that_is_not_true_or_no_truth_at_all_is_none() -> None:
    session = Session().connect()
    assert session.command(value=False) is Heard.NOTHING
    word = Payload(metrics=[{"name": "Node Control/Rebirth", "string_value": "true"}]).SerializeToString()
    assert session.node.received("spBv1.0/caspian/NCMD/aktau", word, session.now) is Heard.REFUSED
    assert session.flow() == []


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_on_the_command_topic_has_no_effect(payload: bytes) -> None:
    session = Session().connect()
    heard = session.node.received("spBv1.0/caspian/NCMD/aktau", payload, session.now)
    assert heard in (Heard.NOTHING, Heard.MALFORMED, Heard.REFUSED)
    assert session.flow() == []


def test_what_is_sent_to_other_topics_has_no_effect() -> None:
    session = Session().connect()
    _, payload = session.host.command()
    for topic in ("spBv1.0/caspian/NCMD/kuryk", "spBv1.0/caspian/DCMD/aktau/pfe-a", "spBv1.0/other/NCMD/aktau", "stationd/aktau/line"):
        assert session.node.received(topic, payload, session.now) is Heard.NOTHING
    assert session.flow() == []


# Rule 14: goodbye.


def test_tck_id_operational_behavior_edge_node_intentional_disconnect_ndeath() -> None:
    session = Session().connect()
    death = session.node.goodbye(session.now)
    session.host.hear(death.topic, death.payload, death.qos)
    assert not session.host.online
    assert death.qos == 1
    assert session.says((CURRENT, good(1.0))) == []


# Rule 15: the primary host.


def test_tck_id_message_flow_edge_node_birth_publish_phid_wait_until_the_host_is_online() -> None:
    session = Session("scada").connect()
    session.node.update({CURRENT: good(1.0)})
    assert session.heard() == []
    assert session.state(True, 5, host="other") is Heard.NOTHING
    assert session.state(False, 5) is Heard.NOTHING
    assert session.flow() == []
    assert session.state(True, 6) is Heard.HOST_ONLINE
    session.flow()
    assert session.heard() == BIRTHS


def test_tck_id_message_flow_edge_node_birth_publish_phid_wait_timestamp_an_older_state_is_ignored() -> None:
    session = Session("scada").connect()
    session.state(False, 10)
    assert session.state(True, 9) is Heard.NOTHING
    assert session.flow() == []
    session.state(True, 10)
    assert session.flow() != []


def test_a_host_whose_clock_is_years_ahead_silences_nobody_when_it_is_put_right() -> None:
    session = Session("scada").connect()
    session.state(True, session.now.utc_ms + 10**12)
    session.flow()
    session.wait(61.0)
    assert session.state(False, session.now.utc_ms) is Heard.HOST_OFFLINE
    session.cut()
    session.connect()
    assert session.state(True, session.now.utc_ms) is Heard.HOST_ONLINE


def test_a_late_state_of_before_is_ignored_also_after_it_has_changed_twice() -> None:
    session = Session("scada").connect()
    session.state(True, 10)
    session.state(True, 20)
    session.flow()
    assert session.state(False, 15) is Heard.NOTHING


def test_a_request_in_the_middle_of_births_is_answered_when_they_are_out() -> None:
    session = Session().connect()
    session.heard()
    session.command()
    for _ in range(2):  # NBIRTH and the first DBIRTH
        message = session.node.next_message(session.now)
        assert message is not None
        session.deliver(message)
    session.command()
    session.flow()
    assert session.heard() == BIRTHS * 2


def test_tck_id_operational_behavior_data_publish_dbirth_order_within_a_payload() -> None:
    session = Session().connect()
    old, new = good(2.0, START_MS - 500), good(True, START_MS - 100)
    session.says((ON, new), (CURRENT, old))
    session.command()
    session.flow()
    for message in session.sent:
        times = [metric.timestamp for metric in Payload.FromString(message.payload).metrics]
        assert times == sorted(times), message.topic


def test_tck_id_operational_behavior_edge_node_termination_host_offline() -> None:
    session = Session("scada").connect()
    session.state(True, 10)
    session.flow()
    assert session.state(False, 11) is Heard.HOST_OFFLINE
    assert session.says((CURRENT, good(1.0))) == []
    death = session.node.goodbye(session.now)
    session.host.hear(death.topic, death.payload, death.qos)
    session.node.disconnected()
    session.heard()
    session.connect()
    assert session.heard() == []  # it waits again
    session.state(True, 12)
    session.flow()
    assert session.heard() == BIRTHS


def test_tck_id_operational_behavior_edge_node_termination_host_offline_timestamp_an_older_one_is_ignored() -> None:
    session = Session("scada").connect()
    session.state(True, 10)
    session.flow()
    assert session.state(False, 9) is Heard.NOTHING
    assert session.says((CURRENT, good(1.0))) != []


def test_tck_id_operational_behavior_edge_node_birth_sequence_wait_a_new_connection_waits_for_the_state_again() -> None:
    session = Session("scada").connect()
    session.state(True, 10)
    session.flow()
    session.cut()
    session.heard()
    session.connect()
    assert session.heard() == []
    session.state(True, 10)
    session.flow()
    assert session.heard() == BIRTHS


def test_a_state_that_came_before_the_subscriptions_were_done_counts() -> None:
    session = Session("scada")
    session.will = session.node.connecting(session.now)
    session.host.expect_will(session.will.topic, session.will.payload)
    session.state(True, 1)
    session.node.connected()
    assert session.flow() != []


NO_STATES = (
    b"",
    b"ONLINE",
    b"[]",
    b"{}",
    b'{"online": 1, "timestamp": 5}',
    b'{"online": true}',
    b'{"online": true, "timestamp": "5"}',
    b'{"online": true, "timestamp": true}',
    b"[" * 3000,
    b"\xff",
    json.dumps({"online": True, "timestamp": 5, "x": "y" * 9000}).encode(),
)


@pytest.mark.parametrize("payload", NO_STATES)
def test_a_state_that_is_none_is_counted_and_changes_nothing(payload: bytes) -> None:
    session = Session("scada").connect()
    assert session.node.received("spBv1.0/STATE/scada", payload, session.now) is Heard.MALFORMED
    assert session.node.counts.malformed == 1
    assert session.flow() == []


# Rule 16: history.


def test_tck_id_operational_behavior_data_publish_dbirth_order_history_keeps_its_old_times_and_changes_nothing_now() -> None:
    session = Session().connect()
    session.says((CURRENT, good(9.0)))
    stored = [(CURRENT, good(float(age), START_MS - 1000 * age)) for age in (3, 2, 1)]
    message = session.node.replay("pfe-a", stored, session.now)
    assert message is not None
    session.deliver(message)
    assert session.host.historical == [("pfe-a/output_current", float(age), START_MS - 1000 * age) for age in (3, 2, 1)]
    assert session.host.known["pfe-a/output_current"].value == 9.0
    assert session.says((CURRENT, good(9.0))) == []
    assert not session.host.wants_rebirth


def test_history_waits_for_the_births_and_for_a_device_that_answers() -> None:
    session = Session()
    stored = [(CURRENT, good(1.0))]
    assert session.node.replay("pfe-a", stored, session.now) is None
    session.connect()
    assert session.node.alive() == {"pfe-a", "fp1-booster"}
    session.command()
    assert session.node.alive() == frozenset()
    session.flow()
    session.node.is_lost("pfe-a")
    assert session.node.replay("pfe-a", stored, session.now) is None
    assert session.node.alive() == {"fp1-booster"}


def test_history_of_points_that_are_no_longer_configured_is_passed_over() -> None:
    session = Session().connect()
    stored = [(PointId("pfe-a", "gone"), good(1.0)), (POWER, good(1.0))]
    assert session.node.replay("pfe-a", stored, session.now) is None


# Rule 17: quality.


def test_tck_id_payloads_propertyset_quality_value_stale_is_null_and_500_and_the_return_is_said() -> None:
    session = Session().connect()
    session.says((CURRENT, good(1.0)))
    session.says((CURRENT, STALE))
    known = session.host.known["pfe-a/output_current"]
    assert (known.value, known.quality, known.properties["Reason"]) == (None, 500, "stale timeout")
    assert known.properties["Last Good"] == START_MS
    assert known.timestamp == START_MS + 5000
    session.says((CURRENT, good(1.0, START_MS + 6000)))
    known = session.host.known["pfe-a/output_current"]
    assert (known.value, known.quality, known.properties) == (1.0, 192, {"Quality": 192, "Reason": ""})
    (message,) = session.says((CURRENT, good(2.0, START_MS + 7000)))
    assert not Payload.FromString(message.payload).metrics[0].HasField("properties")


@pytest.mark.parametrize(
    ("point", "value"),
    [(CURRENT, float("nan")), (CURRENT, float("inf")), (CURRENT, 10**400), (CURRENT, True), (CURRENT, "x"), (ON, 1), (MODE, 2.0)],
)
def test_a_value_that_does_not_fit_its_type_is_bad_and_null_never_a_number(point: PointId, value: float | bool | str) -> None:
    session = Session().connect()
    session.says((point, good(5.0 if point == CURRENT else "cc")))
    session.says((point, good(value)))
    known = session.host.known[str(point).replace(".", "/")]
    assert (known.value, known.quality) == (None, 0)


def test_no_sample_without_a_value_is_ever_called_good() -> None:
    session = Session().connect()
    session.says((CURRENT, good(1.0)))
    session.says((CURRENT, Sample(None, Trust.GOOD, START_MS)))
    assert session.host.known["pfe-a/output_current"].quality == 0


# Rule 18: names.


def test_tck_id_case_sensitivity_sparkplug_ids_and_metric_names_that_differ_only_by_case_are_refused() -> None:
    with pytest.raises(ValueError, match='"PFE-A" differs from "pfe-a" only by case'):
        Catalogue("caspian", "aktau", {"pfe-a": (), "PFE-A": ()})
    kinds = tuple(MetricKind(PointId("pfe-a", name), DataType.DOUBLE) for name in ("gain", "Gain"))
    with pytest.raises(ValueError, match='metrics of pfe-a: "Gain" differs from "gain"'):
        Catalogue("caspian", "aktau", {"pfe-a": kinds})
    with pytest.raises(ValueError, match="stands there twice"):
        Catalogue("caspian", "aktau", {"pfe-a": (kinds[0], kinds[0])})
    with pytest.raises(ValueError, match='"BDSEQ" differs from "bdSeq"'):
        Catalogue("caspian", "aktau", {}, (MetricKind(PointId("", "BDSEQ"), DataType.INT64),))


# All of them together: whatever happens, in whatever order, a host that has heard everything knows what the node knows.


class AnyOrder(RuleBasedStateMachine):
    """Things happen to the node at random; the host is strict, and has to be right whenever all has been sent."""

    @initialize(primary=st.booleans())
    def start(self, primary: bool) -> None:
        self.session = Session("scada" if primary else "", devices=False)
        self.truth: dict[str, Sample] = {}
        self.answering: set[str] = set()
        self.connected = False
        self.stamp = 0

    @rule(point=st.sampled_from([CURRENT, POWER]), value=st.sampled_from([1.0, 2.0, None]))
    def reading(self, point: PointId, value: float | None) -> None:
        sample = good(value, self.session.now.utc_ms) if value else replace(STALE, at_ms=self.session.now.utc_ms)
        self.truth[str(point).replace(".", "/")] = sample
        self.session.node.update({point: sample})

    @rule(device=st.sampled_from(["pfe-a", "fp1-booster"]), answers=st.booleans())
    def device(self, device: str, answers: bool) -> None:
        (self.session.node.answers if answers else self.session.node.is_lost)(device)
        (self.answering.add if answers else self.answering.discard)(device)

    @rule()
    def connect(self) -> None:
        if not self.connected:
            self.session.connect()
            self.connected = True

    @rule()
    def cut(self) -> None:
        if self.connected:
            self.session.cut()
            self.connected = False

    @rule(online=st.booleans(), late=st.booleans())
    def state(self, online: bool, late: bool) -> None:
        if self.connected:
            self.stamp += 1
            heard = self.session.state(online, self.stamp - 2 * late)
            if heard is Heard.HOST_OFFLINE:
                death = self.session.node.goodbye(self.session.now)
                self.session.deliver(death)
                self.session.node.disconnected()
                self.connected = False

    @rule(loses=st.booleans())
    def one_message(self, loses: bool) -> None:
        message = self.session.node.next_message(self.session.now)
        if message is not None and not (loses and "DATA" in message.topic):
            self.session.deliver(message)

    @rule()
    def history(self) -> None:
        for device in sorted(self.session.node.alive()):
            point = CURRENT if device == "pfe-a" else POWER
            message = self.session.node.replay(device, [(point, good(4.0, START_MS - 1))], self.session.now)
            assert message is not None
            self.session.deliver(message)

    @rule(s=st.floats(0.0, 20.0))
    def time_passes(self, s: float) -> None:
        self.session.wait(s)

    @rule()
    def host_asks_if_it_must(self) -> None:
        if self.session.host.wants_rebirth and self.connected:
            self.session.command()

    @rule()
    def settle(self) -> None:
        """Let everything go out, with the rebirth that the host may want, and compare."""
        self.stamp += 1  # a loss is only seen in what comes next
        self.session.node.update({PointId("", "Properties/Title"): good(str(self.stamp), self.session.now.utc_ms)})
        for _ in range(3):
            self.session.flow()
            if self.session.host.wants_rebirth and self.connected:
                self.session.command()
                self.session.wait(REBIRTH_EVERY_S)
        if not self.connected or self.session.node.phase is Phase.WAITING:
            return
        assert not self.session.host.wants_rebirth
        assert self.session.host.alive == self.answering
        for name, sample in self.truth.items():
            if name.partition("/")[0] in self.answering:
                assert self.session.host.known[name].value == sample.value
                assert self.session.host.known[name].quality == sample.trust

    @invariant()
    def nothing_is_said_without_a_connection(self) -> None:
        if hasattr(self, "session") and not self.connected:
            assert self.session.node.next_message(self.session.now) is None


def test_whatever_happens_a_host_that_heard_everything_knows_what_the_node_knows() -> None:
    run_state_machine_as_test(AnyOrder, settings=settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]))
