"""What a plugin's file is made of: a class for its uses, one for the whole process, or both."""

from typing import ClassVar

from proxy.api.settings import Settings

__all__ = ["Application", "Use"]


class Application:
    """The one instance of a plugin for the whole process.

    Its settings stand under ``plugins.<name>`` in the configuration. Say of what kind
    they are by annotating `settings` with a class of your own:

        class Statsd(Application):
            settings: StatsdSettings

    Constructing one must not do anything that has to be undone; that is what the hook
    `startup` is for. A ValueError out of the constructor is shown as a problem of the
    settings.
    """

    version: ClassVar[str] = ""
    """Shown by ``crossfade plugins``."""

    commands: ClassVar[str] = ""
    """What its commands are called by, ``crossfade <commands> …``; by default the plugin's name."""

    settings: Settings

    def __init__(self, settings: Settings) -> None:
        self.settings = settings


class Use:
    """One use of a plugin: on a route, or as the destination of an arm.

    Its settings stand where it is used. `application` is the plugin's `Application`, for
    a plugin that has one; annotate both with what they are.
    """

    version: ClassVar[str] = ""
    """Shown by ``crossfade plugins``."""

    settings: Settings
    application: Application | None

    arm: str = ""
    """Set it to ``new`` or ``legacy`` in the constructor of a use that is for one arm alone.

    On a route with a rollout, the hooks that edit and rewrite are then called for requests of
    that arm only, and those of the other are not even collected. On a route without one they
    are called for all."""

    unused: tuple[str, ...] = ()
    """Set it in the constructor to the names of hooks that this use, by its settings, can do
    without. They are not called then: a use that leaves out `rewrite_request`, for example, has
    nothing collected."""

    def __init__(self, settings: Settings, application: Application | None = None) -> None:
        self.settings = settings
        self.application = application
