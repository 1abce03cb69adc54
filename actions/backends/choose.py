"""The shop that the settings name."""

from actions.backends.demo_shop.shop import DemoShop
from actions.backends.http.shop import HttpShop
from actions.backends.protocols import Shop
from core.errors import SettingsError
from core.settings import Settings


def open_shop(settings: Settings) -> Shop:
    """Opens nothing yet: the first call connects. Raises SettingsError when the HTTP backend is not described."""
    if settings.backend == "demo":
        return DemoShop(settings.demo_shop_url, budget=settings.backend_timeout_seconds)
    if not settings.backend_url or not settings.backend_token:
        raise SettingsError("KEFU_BACKEND=http needs KEFU_BACKEND_URL and KEFU_BACKEND_TOKEN")
    return HttpShop(
        settings.backend_url, settings.backend_token.get_secret_value(), budget=settings.backend_timeout_seconds
    )
