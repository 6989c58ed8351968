"""Where Chromium is, and why a test of the browser is skipped without it."""

import os
import shutil

import pytest
from playwright.async_api import expect

CHROMIUM = os.environ.get("VIGIA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
expect.set_options(timeout=60_000)  # ms that a page may take on a busy machine; what holds earlier is not waited for
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium, or set VIGIA_CHROMIUM")
