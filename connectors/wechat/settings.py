"""What must be known of an Official Account or a mini-program, from its administration page (开发 → 基本配置)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

API_URL = "https://api.weixin.qq.com"
PLATFORM_SECONDS = 5.0  # then WeChat gives up, shows an error or tries again

Variant = Literal["official", "mini"]


class WechatSettings(BaseModel):
    """One account. Without `aes_key` pushes are taken as plain text (明文模式): signed, but their content is not."""

    model_config = ConfigDict(frozen=True)

    app_id: str = Field(min_length=1)
    app_secret: SecretStr
    token: SecretStr
    aes_key: SecretStr | None = None
    variant: Variant = "official"
    api_url: str = API_URL
    passive_seconds: float = Field(4.0, ge=0, lt=PLATFORM_SECONDS)
    """How long the answer may take to go out as the reply to the push itself, which costs no quota; 0: never."""
    max_skew_seconds: float = Field(300, gt=0)
    ask_unionid: bool = False
    """Ask WeChat for the follower's unionid; needs an account bound to the open platform (微信开放平台)."""
    people: Literal["kefu", "wechat"] = "kefu"
    """Who talks to customers that the bot hands over: our own desk, or the platform's (微信客服工作台)."""
    people_account: str | None = None
    """One account of the platform's desk, `name@account`; otherwise the platform chooses."""
