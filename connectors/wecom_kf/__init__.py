"""微信客服: customers write in WeChat, WeCom tells us that they did, and we fetch what they said."""
