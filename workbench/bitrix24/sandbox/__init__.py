"""A Bitrix24-compatible portal to develop, demo and test on."""
