"""The platform under Dagster's own daemon and webserver while files arrive unattended."""

from collections.abc import Iterator

import pytest

from off_platform.sandbox.make import Sandbox
from off_platform_tests.automation.platform import Platform, running_platform

HEADER = "barcode,product_name,fat_g\n"
GOOD = f"{HEADER}3017620422003,Nutella,30.9\n"
BAD = f'{HEADER}7622210449283,Oreo,"20,5 g of fat"\n'

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Iterator[Platform]:
    root = tmp_path_factory.mktemp("unattended")
    with running_platform(root, sandbox.images.folder, sandbox.bins.folder) as running:
        yield running


def test_a_file_in_the_inbox_is_imported_within_two_looks(platform: Platform) -> None:
    key = platform.hand_in("good.csv", GOOD)
    # Two looks until it is known to be whole; a third may have begun before it was there.
    platform.wait_for_looks("inbox_sensor", 3)
    assert key in dict(platform.runs("imports"))
    platform.wait("the import", lambda: (key, "SUCCESS") in platform.runs("imports"))
    assert platform.rows("SELECT product_name FROM products_imported") == [("Nutella",)]
    assert (platform.root / "inbox" / "good.csv").read_text() == GOOD


def test_a_bad_file_raises_one_message_and_one_mail_with_its_rows(platform: Platform) -> None:
    key = platform.hand_in("bad.csv", BAD)
    # Other alerts, as the month's, may arrive at any moment.
    messages = lambda: [body for body in platform.webhook.bodies if key in body["title"]]  # noqa: E731
    mails = lambda: [mail for mail in platform.mails if key in str(mail["Subject"])]  # noqa: E731
    platform.wait("the message and the mail", lambda: bool(messages() and mails()))
    (message,), (mail,) = messages(), mails()
    assert "line 2 (fat_g): '20,5 g of fat'" in message["text"]
    assert "line 2 (fat_g)" in mail.get_content()
    # A file of the same name with other bytes is another one; each is reported once.
    again = platform.hand_in("bad.csv", f"{BAD}\n")
    platform.wait(
        "the second message",
        lambda: any(again in body["title"] for body in platform.webhook.bodies),
    )
    platform.wait_for_looks("alert_on_checks")
    titles = [body["title"] for body in platform.webhook.bodies if "bad.csv" in body["title"]]
    assert len(titles) == 2


def test_graphql_answers_what_a_user_asks(platform: Platform) -> None:
    answer = platform.ask(
        """query { assetNodes(assetKeys: [{path: ["products_accepted"]}]) {
            groupName partitionStats { numMaterialized numFailed }
            assetChecksOrError { ... on AssetChecks { checks { name
                executionForLatestMaterialization { status } } } } } }"""
    )
    (node,) = answer["assetNodes"]
    assert node["groupName"] == "imports"
    imported = {key for key, status in platform.runs("imports") if status == "SUCCESS"}
    assert node["partitionStats"]["numMaterialized"] == len(imported)
    checks = node["assetChecksOrError"]["checks"]
    latest = {each["name"]: each["executionForLatestMaterialization"] for each in checks}
    assert len(latest) == 26
    assert all(each["status"] in {"SUCCEEDED", "FAILED"} for each in latest.values() if each)
