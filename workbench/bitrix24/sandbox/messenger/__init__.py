"""Notifications, chats and messages."""
