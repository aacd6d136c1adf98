"""Altered payloads and configurations: each reader ends in a result or in its own error, soon, in little memory."""
