"""The portal's language: a client over fast-bitrix24, OAuth, and a sandbox portal."""
