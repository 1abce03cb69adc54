"""WeChat without an account: the fake of its server beside Kefu, with a customer's phone in the browser."""

import hashlib
import hmac

from fastapi import FastAPI

from bot.vendors import Wechat
from connectors.fakes.wechat import demo
from core.settings import Settings, load_settings

NAME = "wechat"
HOST = "127.0.0.1"


def address(settings: Settings) -> str:
    return f"http://{HOST}:{settings.demo_wechat_port}"


def account(settings: Settings) -> Wechat:
    """The account that both sides know: its secrets come from this folder's own."""

    def secret(purpose: str) -> str:
        key = settings.secret_key.get_secret_value().encode()
        return hmac.new(key, f"wechat demo {purpose}".encode(), hashlib.sha256).hexdigest()

    return Wechat.model_validate(
        {
            "kind": "wechat",
            "app_id": f"wx{secret('app id')[:16]}",
            "app_secret": secret("secret")[:32],
            "token": secret("token")[:32],
            "aes_key": secret("aes key")[:42] + "A",  # 43 characters of base64 are 258 bits: the last two must be 0
            "api_url": address(settings),
        }
    )


def create_app() -> FastAPI:
    """What uvicorn starts: WeChat's API, and the phone at `/`."""
    settings = load_settings()
    return demo(account(settings), f"http://{settings.host}:{settings.port}", NAME, settings.brand)
