"""Says where the packages lie; the rest of the project's facts are in pyproject.toml."""

from setuptools import find_namespace_packages, setup

setup(
    # In a checkout migrations lie beside the package, where alembic writes them; in a wheel within it.
    packages=[*find_namespace_packages(include=["xapid*"]), "xapid.migrations", "xapid.migrations.versions"],
    package_dir={"xapid.migrations": "migrations"},
)
