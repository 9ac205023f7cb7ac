"""The user's own settings of pip: where packages come from is followed, what would break the installation is not."""

from __future__ import annotations

import os

from magma_blender.engine_host.installation import install
from magma_blender.engine_host.installation.pip_settings import as_variables, followed_settings


def test_a_companys_index_proxy_and_certificates_are_followed():
    lines = [
        "global.index-url='https://packages.example/simple'",
        "global.proxy='http://proxy.example:3128'",
        "install.trusted-host='packages.example'",
        ":env:.cert='/etc/company.pem'",
        ":env:.index-url='https://newer.example/simple'",
    ]
    settings = followed_settings(lines)
    assert settings == {
        "index-url": "https://newer.example/simple",
        "proxy": "http://proxy.example:3128",
        "trusted-host": "packages.example",
        "cert": "/etc/company.pem",
    }
    assert as_variables(settings) == {
        "PIP_INDEX_URL": "https://newer.example/simple",
        "PIP_PROXY": "http://proxy.example:3128",
        "PIP_TRUSTED_HOST": "packages.example",
        "PIP_CERT": "/etc/company.pem",
        "PIP_CONFIG_FILE": os.devnull,
    }


def test_settings_that_put_packages_elsewhere_or_change_them_are_not():
    lines = [
        "global.user='true'",
        "install.target='/elsewhere'",
        ":env:.require-virtualenv='1'",
        "global.no-binary=':all:'",
        "global.constraint='/etc/constraints.txt'",
        "download.index-url='https://other.example'",
        "global.find-links='/one\\n/two'",
        "global.proxy=no text",
        "nonsense",
        "",
    ]
    assert followed_settings(lines) == {"find-links": "/one /two"}


def test_who_has_an_index_of_their_own_is_not_sent_to_another(monkeypatch):
    monkeypatch.setattr(install.sys, "platform", "linux")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    assert install.wants_cpu_index({})
    assert not install.wants_cpu_index({"index-url": "https://packages.example"})
    assert not install.wants_cpu_index({"no-index": "1"})
    monkeypatch.setattr(install.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert not install.wants_cpu_index({})
    monkeypatch.setattr(install.sys, "platform", "darwin")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    assert not install.wants_cpu_index({})
