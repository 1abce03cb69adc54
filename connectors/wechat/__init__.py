"""WeChat: an Official Account (公众号) and a mini-program (小程序), each by its own callback and API."""
