"""Alerts under Dagster's own ticks: each is sent once, whatever fails on its way."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from off_platform.automation import alert_delivery, apprise_services
from off_platform.automation.alert_delivery import (
    MOST_REPEATS,
    MOST_WAITING,
    deliver,
    deliver_waiting,
)
from off_platform.automation.alert_sensors import alert_sensors
from off_platform.automation.alerts import Message
from off_platform.automation.sending import NotSentError
from off_platform.settings import Settings
from off_platform_tests.automation.listeners import Listener, listening, mailbox

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
RETRY = {"dagster/retry_number": "1"}
FIRST = {"dagster/will_retry": "true"}


class Does(dg.Config):
    """What becomes of a run."""

    passes: bool = True
    dies: bool = False


@dg.asset(check_specs=[dg.AssetCheckSpec("whole", asset="table")])
def table(config: Does) -> Iterator[Any]:
    """A table whose check does not pass, or whose run dies after it, when asked to."""
    check = dg.AssetCheckResult(passed=config.passes, description="Row 2 is broken.")
    yield dg.MaterializeResult(check_results=[check])
    if config.dies:
        raise OSError("no space left")


@dataclass
class Desk:
    """A platform whose sensors tick as Dagster's daemon has them tick."""

    instance: dg.DagsterInstance
    chat: Listener
    webhook: Listener
    cursors: dict[str, str | None] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Two places to send to."""
        return Settings(_env_file=None, alerts=f"{self.chat.chat}, {self.webhook.url}")

    def run(self, *, passes: bool = True, dies: bool = False, **tags: str) -> None:
        """A run comes to its end."""
        config = {**QUIET, "ops": {"table": {"config": {"passes": passes, "dies": dies}}}}
        self.repository.get_job("tables").execute_in_process(
            run_config=config, instance=self.instance, raise_on_error=False, tags=tags
        )

    @property
    def repository(self) -> dg.RepositoryDefinition:
        """What is defined."""
        defs = dg.Definitions(
            [table],
            jobs=[dg.define_asset_job("tables", [table])],
            sensors=alert_sensors(self.settings, running=True),
        )
        return defs.get_repository_def()

    def tick(self, name: str) -> list[str]:
        """A tick of a sensor on runs; gives its errors. The cursor moves on them too."""
        context = dg.build_sensor_context(
            self.instance, self.cursors.get(name), repository_def=self.repository, sensor_name=name
        )
        ticked = self.repository.get_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = ticked.cursor
        reactions = ticked.dagster_run_reactions
        return [str(each.error.message) for each in reactions if each.error]

    def send_waiting(self) -> str:
        """A tick of the sensor of unsent alerts; gives why it skipped."""
        context = dg.build_sensor_context(self.instance, repository_def=self.repository)
        ticked = self.repository.get_sensor_def("unsent_alerts").evaluate_tick(context)
        return str(ticked.skip_message)

    def deliver(self, title: str = "one", settings: Settings | None = None) -> str | None:
        """Sends an alert."""
        message = Message(title, "text", "", title)
        return deliver(settings or self.settings, self.instance, message)

    @property
    def sent(self) -> list[str]:
        """The titles that the webhook has."""
        return [body["title"] for body in self.webhook.bodies]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with (
        listening() as chat,
        listening() as webhook,
        dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance,
    ):
        found = Desk(instance, chat, webhook)
        for name in ("alert_on_checks", "alert_on_failure"):
            found.tick(name)
        yield found


def test_what_one_sender_could_not_send_it_sends_later_and_once(desk: Desk) -> None:
    desk.run(passes=False)
    desk.webhook.answers = [404, 404]
    (error,) = desk.tick("alert_on_checks")
    assert "not sent by json: it answered 404" in error
    assert (len(desk.chat.bodies), desk.sent) == (1, [])
    # Dagster has gone past the run.
    assert desk.tick("alert_on_checks") == []
    assert desk.sent == []
    with pytest.raises(NotSentError, match="it answered 404"):
        desk.send_waiting()
    assert desk.send_waiting() == "Sent of what waited: 1."
    assert desk.send_waiting() == "No alert waits."
    assert (len(desk.chat.bodies), desk.sent) == (1, ["1 check failed: tables"])


def test_a_waiting_alert_is_not_a_repeat_but_a_late_one_is(desk: Desk) -> None:
    desk.webhook.answers = [404]
    for _ in range(2):
        desk.run(passes=False)
    assert len(desk.tick("alert_on_checks")) == 1
    desk.send_waiting()
    desk.run(passes=False)
    assert desk.tick("alert_on_checks") == []
    assert desk.send_waiting() == "No alert waits."
    assert (len(desk.chat.bodies), len(desk.sent)) == (1, 1)


def test_a_tick_that_ended_between_sending_and_forgetting_sends_nothing_twice(desk: Desk) -> None:
    message = Message("Late: bins", "bins: 40 days", "", "same")
    desk.webhook.answers = [404]
    with pytest.raises(NotSentError):
        deliver(desk.settings, desk.instance, message)
    keys = {f"off_platform/unsent/json/{number}" for number in range(MOST_WAITING)}
    kept = desk.instance.run_storage.get_cursor_values(keys)
    assert len(kept) == 1
    deliver_waiting(desk.settings, desk.instance)
    desk.instance.run_storage.set_cursor_values(dict(kept))
    deliver_waiting(desk.settings, desk.instance)
    assert desk.sent == ["Late: bins"]


def test_a_refused_message_does_not_block_the_others(desk: Desk) -> None:
    desk.webhook.answers = [404, 404, 404]
    for title in ("one", "two"):
        with pytest.raises(NotSentError):
            deliver(desk.settings, desk.instance, Message(title, "text", "", title))
    with pytest.raises(NotSentError):
        deliver_waiting(desk.settings, desk.instance)
    assert deliver_waiting(desk.settings, desk.instance) == "Sent of what waited: 2."
    assert desk.sent == ["two", "one"]


def test_what_finds_no_place_is_summed_up_with_its_number(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_delivery, "MOST_WAITING", 3)
    desk.webhook.answers = [404] * 5
    for number in range(5):
        with pytest.raises(NotSentError):
            deliver(desk.settings, desk.instance, Message(f"{number}", "text", "", f"{number}"))
    while deliver_waiting(desk.settings, desk.instance) != "No alert waits.":
        pass
    more = "2 more alerts, while json could not be reached"
    assert sorted(desk.sent) == ["0", "1", "2", more]
    (summary,) = [body["text"] for body in desk.webhook.bodies if body["title"] == more]
    assert summary == "- 3\n- 4"


def test_each_receiver_has_its_own_slots(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_delivery, "MOST_WAITING", 2)
    desk.webhook.answers, desk.chat.answers = [404] * 2, [404] * 2
    for number in range(2):
        with pytest.raises(NotSentError):
            deliver(desk.settings, desk.instance, Message(f"{number}", "text", "", f"{number}"))
    while deliver_waiting(desk.settings, desk.instance) != "No alert waits.":
        pass
    assert sorted(desk.sent) == ["0", "1"]
    assert len(desk.chat.bodies) == 2


def test_a_receiver_that_answers_late_has_an_alert_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise_services, "SECONDS", 0.2)
    desk.webhook.is_late = True
    with pytest.raises(NotSentError, match="no answer came"):
        deliver(desk.settings, desk.instance, Message("one", "text", "", "one"))
    for _ in range(3):
        assert deliver_waiting(desk.settings, desk.instance) == "No alert waits."
    assert desk.sent == ["one"]


def test_what_may_have_arrived_is_repeated_with_one_key_and_a_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apprise_services, "SECONDS", 0.2)
    monkeypatch.setattr(alert_delivery, "REPEAT_SECONDS", 0)
    desk.webhook.is_late = True
    with pytest.raises(NotSentError, match="no answer came"):
        deliver(desk.settings, desk.instance, Message("one", "text", "", "one"))
    for _ in range(MOST_REPEATS):
        with pytest.raises(NotSentError, match="no answer came"):
            deliver_waiting(desk.settings, desk.instance)
    assert deliver_waiting(desk.settings, desk.instance) == "No alert waits."
    assert desk.sent == ["one"] * (1 + MOST_REPEATS)
    (key,) = {body["idempotency_key"] for body in desk.webhook.bodies}
    assert key
    assert desk.webhook.keys == [key] * (1 + MOST_REPEATS)


def test_what_waits_for_a_sender_that_is_not_set_waits_until_it_is(desk: Desk) -> None:
    desk.webhook.answers = [404]
    with pytest.raises(NotSentError):
        deliver(desk.settings, desk.instance, Message("one", "text", "", "one"))
    only_chat = Settings(_env_file=None, alerts=desk.chat.chat)
    assert deliver_waiting(only_chat, desk.instance) == "No alert waits."
    assert desk.sent == []
    assert deliver_waiting(desk.settings, desk.instance) == "Sent of what waited: 1."
    assert desk.sent == ["one"]


def test_a_tick_passes_quiet_runs_to_the_one_to_report(desk: Desk) -> None:
    for _ in range(4):
        desk.run()
    desk.run(passes=False)
    assert desk.tick("alert_on_checks") == []
    assert desk.sent == ["1 check failed: tables"]


def test_a_retry_reports_checks_that_the_first_attempt_did_not_reach(desk: Desk) -> None:
    desk.run(dies=True, **FIRST)
    desk.tick("alert_on_failure")
    assert desk.sent == []
    desk.run(passes=False, **RETRY)
    desk.tick("alert_on_checks")
    assert desk.sent == ["1 check failed: tables"]


def test_a_retry_with_the_same_findings_is_not_reported_again(desk: Desk) -> None:
    desk.run(passes=False, dies=True, **FIRST)
    desk.tick("alert_on_failure")
    assert desk.sent == ["1 check failed: tables"]
    assert "The run failed" not in desk.webhook.bodies[0]["text"]
    desk.run(passes=False, **RETRY)
    desk.tick("alert_on_checks")
    assert len(desk.sent) == 1


def test_the_last_attempt_says_that_the_run_failed(desk: Desk) -> None:
    desk.run(dies=True, **FIRST)
    desk.run(dies=True, **RETRY, **{"dagster/will_retry": "false"})
    desk.tick("alert_on_failure")
    assert desk.sent == ["Failed: tables"]
    assert "The run failed: table: no space left" in desk.webhook.bodies[0]["text"]


def test_a_receiver_that_is_late_holds_up_no_other(desk: Desk) -> None:
    # The first to be sent to answers once the other has the alert.
    desk.chat.answers_after = desk.webhook.received
    assert desk.deliver() is None
    assert (len(desk.chat.bodies), desk.sent) == (1, ["one"])


def test_what_waits_for_a_receiver_that_is_late_holds_up_no_other(desk: Desk) -> None:
    desk.chat.answers, desk.webhook.answers = [404], [404]
    with pytest.raises(NotSentError):
        desk.deliver()
    desk.chat.answers_after = desk.webhook.received
    assert desk.send_waiting() == "Sent of what waited: 2."


def test_a_recipient_whose_box_is_full_has_the_mail_later_and_the_others_once(desk: Desk) -> None:
    full = ["b@x.org"]
    with mailbox(full=full) as (port, mails):
        mail = f"mailto://127.0.0.1:{port}?from=off@x.org&to=a@x.org,b@x.org,c@x.org"
        settings = Settings(_env_file=None, alerts=mail)
        with pytest.raises(NotSentError, match="not sent by mailto"):
            desk.deliver(settings=settings)
        with pytest.raises(NotSentError, match="not sent by mailto"):
            deliver_waiting(settings, desk.instance)
        full.clear()
        assert deliver_waiting(settings, desk.instance) == "Sent of what waited: 1."
    assert [mail["To"] for mail in mails] == ["a@x.org", "c@x.org", "b@x.org"]


def test_waiting_alerts_are_sent_once_the_url_is_corrected(desk: Desk) -> None:
    desk.webhook.answers = [401]
    with pytest.raises(NotSentError):
        desk.deliver()
    right = Settings(_env_file=None, alerts=f"{desk.webhook.url}?+Authorization=right")
    assert deliver_waiting(right, desk.instance) == "Sent of what waited: 1."


def test_waiting_alerts_are_sent_once_the_url_is_corrected_to_one_without_tls(desk: Desk) -> None:
    # The listener speaks no TLS.
    wrong = Settings(_env_file=None, alerts=desk.webhook.url.replace("json:", "jsons:"))
    with pytest.raises(NotSentError, match="not sent by jsons"):
        desk.deliver(settings=wrong)
    desk.webhook.answers = [500]
    right = Settings(_env_file=None, alerts=desk.webhook.url)
    with pytest.raises(NotSentError, match="answered 500"):
        deliver_waiting(right, desk.instance)
    assert deliver_waiting(right, desk.instance) == "Sent of what waited: 1."
    assert deliver_waiting(right, desk.instance) == "No alert waits."
    assert desk.sent == ["one"]


def clock_ahead(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The machine's clock is wrong until the patch is undone."""
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + seconds)


def test_after_a_clock_is_set_back_what_waits_is_sent_and_news_are_no_repeats(desk: Desk) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apprise_services, "SECONDS", 0.2)
        clock_ahead(patch, 365 * 24 * 3600)
        desk.deliver("before")
        desk.webhook.is_late = True
        with pytest.raises(NotSentError, match="no answer came"):
            desk.deliver("waits")
        desk.webhook.is_late = False
    assert deliver_waiting(desk.settings, desk.instance) == "Sent of what waited: 1."
    assert desk.deliver("before") is None
    assert str(desk.deliver("before")).startswith("Sent before")
    assert desk.sent == ["before", "waits", "waits", "before"]
