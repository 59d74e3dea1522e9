"""A portal, an application whose activity is registered, and a listener for what it is sent."""

from collections.abc import Iterator

import pytest
from listener import Listener, listening
from portal_application import Application, add_application
from process_calls import activity
from sandbox_portal import SMALL_COMPANY, running_portal


@pytest.fixture(scope="session")
def portal(tmp_path_factory) -> Iterator:
    with running_portal(tmp_path_factory.mktemp("p"), *SMALL_COMPANY, "--control") as running:
        yield running


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    with listening() as running:
        yield running


@pytest.fixture(scope="session")
def application(portal, listener) -> Application:
    """An application whose activity is registered."""
    application = add_application(portal, listener)
    assert application.call("bizproc.activity.add", activity(listener))[1]["result"] is True
    return application


@pytest.fixture(autouse=True)
def accepting(listener) -> None:
    listener.status = 200
