"""What must be known of an application of WeCom, from its administration page."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

API_URL = "https://qyapi.weixin.qq.com"


class CallbackSettings(BaseModel):
    """How WeCom signs and encrypts what it pushes. `aes_key`: the EncodingAESKey, 43 characters."""

    model_config = ConfigDict(frozen=True)

    corp_id: str = Field(min_length=1)
    token: SecretStr
    aes_key: SecretStr
    max_skew_seconds: float = Field(300, gt=0)


class WeComSettings(CallbackSettings):
    """`secret` is the application's own; `agent_id` its number."""

    agent_id: int
    secret: SecretStr
    api_url: str = API_URL
