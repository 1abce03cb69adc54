"""WeCom (企业微信): messages between members of the company and one of its applications."""
