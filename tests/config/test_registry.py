"""The registry: names as strings, found once, never taken over, nothing imported too early."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import kvcore
from kvcore import ConfigError, MissingDependency, store_from_config, store_from_url
from kvcore.contract import KeyValueStore
from kvcore.recipe import DecoratorRecipe, StoreRecipe
from kvcore.registry import (
    BACKENDS,
    DECORATORS,
    check_library,
    find_backend,
    find_decorator,
    load_library,
)

HOME = str(Path(kvcore.__file__).parent.parent)


def fresh(code: str) -> str:
    """What a new interpreter without site-packages prints."""
    child = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({HOME!r})\n{code}"],
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


@pytest.mark.parametrize("table", [BACKENDS, DECORATORS])
def test_the_tables_are_sorted_strings_that_nobody_can_change(table: dict[str, str]) -> None:
    """Each name stands where one looks for it, and for a class by its address."""
    assert list(table) == sorted(table)
    assert all(re.fullmatch(r"kvcore(\.\w+)+:\w+", home) for home in table.values())
    with pytest.raises(TypeError):
        table["new"] = "kvcore.backends.memory:DictStore"


@pytest.mark.parametrize("scheme", BACKENDS)
def test_every_scheme_has_its_store(scheme: str) -> None:
    """What the table names exists, is a store and says how it is made."""
    store, recipe, implied = find_backend(scheme)
    assert issubclass(store, KeyValueStore)
    assert isinstance(recipe, StoreRecipe)
    assert implied == {}
    assert find_backend(f"h{scheme}") == (store, recipe, {"keys": "path"})
    assert not {"url", "decorators"} & set(recipe.options), "keys of the dict form"


@pytest.mark.parametrize("name", DECORATORS)
def test_every_name_has_its_decorator(name: str) -> None:
    """What the table names exists, is a store and says how it is made."""
    decorator, recipe = find_decorator(name)
    assert issubclass(decorator, KeyValueStore)
    assert isinstance(recipe, DecoratorRecipe)
    assert recipe.main is None or recipe.main in recipe.options


def test_the_registry_imports_no_backend() -> None:
    """Knowing the names costs no module of a backend or decorator, and no metadata."""
    loaded = fresh("import kvcore.registry; print(*sys.modules)").split()
    heavy = ("kvcore.backends", "kvcore.decorators", "importlib.metadata", "urllib", "difflib")
    assert [name for name in loaded if name.startswith(heavy)] == []


def test_config_imports_neither_metadata_nor_urllib() -> None:
    """A URL of ours is read without the dear modules that only others' schemes need."""
    code = "import kvcore; kvcore.store_from_url('memory://'); print(*sys.modules)"
    loaded = fresh(code).split()
    assert "kvcore.config" in loaded
    dear = ("importlib.metadata", "urllib", "difflib", "dataclasses", "json", "kvcore.decorators")
    assert [name for name in loaded if name.startswith(dear)] == []
    assert "kvcore.config" not in fresh("import kvcore; print(*sys.modules)").split()


def test_no_module_behind_a_name_imports_a_library() -> None:
    """All our backends and decorators import where nothing but the standard library is."""
    homes = sorted({home.partition(":")[0] for home in (*BACKENDS.values(), *DECORATORS.values())})
    code = f"import {', '.join(homes)}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    foreign = set(fresh(code).split()) - set(sys.stdlib_module_names) - {"__main__", "kvcore"}
    assert foreign == set()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("fss://x", r"no scheme 'fss'; did you mean 'fs'\?"),
        ("memroy://x", r"did you mean 'memory'\?"),
        ("zzzzzz://x", "there are .*'fs', .*'memory', .*'webfs'"),
        ("memory+redonly://", r"no decorator 'redonly'; did you mean 'readonly'\?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(url: str, expected: str) -> None:
    """Whoever misspells a scheme or a decorator is told the right name."""
    with pytest.raises(ConfigError, match=expected):
        store_from_url(url)


@pytest.mark.usefixtures("others")
class TestOthers:
    """Backends and decorators of other distributions."""

    def test_a_backend_by_entry_point(self) -> None:
        """A scheme of others is found, its address and options reach the constructor."""
        store = store_from_url("vault://me:p%40ss@vault.example:99/shelf/1?retries=3&keys=path")
        assert repr(store) == "<VaultStore vault://vault.example:99/shelf/1>"
        assert (store.user, store.password, store.retries) == ("me", "p@ss", 3)
        store.put("a/b", b"1")

    def test_a_decorator_by_entry_point(self) -> None:
        """A name of others is found, in the dict form with its value."""
        store = store_from_config({"url": "memory://", "decorators": [{"stamp": 7}, "readonly"]})
        assert type(store).__module__ == "kvcore.decorators.readonly"
        assert store._inner.number == 7

    @pytest.mark.parametrize("url", ["memory://", "hfs://x", "fs://x", "fs+readonly://x"])
    def test_our_names_cannot_be_taken_over(self, url: str) -> None:
        """An entry point with a name of ours is never looked at."""
        assert type(store_from_url(url)).__module__.startswith("kvcore.")

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("vault1://x", r"did you mean 'vault'\?"),
            ("nothing://x", "acme_vault:NOTHING .* is no KeyValueStore"),
            ("gone://x", "acme_vault:Gone .* cannot be imported"),
            ("lost://x", "acme_lost:Gone .* cannot be imported: No module named 'acme_lost'"),
            ("memory+plain://", "PlainDecorator has no DecoratorRecipe: see kvcore.registry"),
            ("twice://x", "several distributions offer the scheme 'twice': .*NeedyStore, .*Vault"),
        ],
    )
    def test_what_is_wrong_with_an_entry_point_is_told(self, url: str, expected: str) -> None:
        """Its author or user learns which one it is and what it lacks."""
        with pytest.raises(ConfigError, match=expected):
            store_from_url(url)

    def test_a_missing_library_is_named_when_configuration_is_read(self) -> None:
        """The error says what pip installs; nothing of the library is imported to find out."""
        with pytest.raises(MissingDependency, match=r"pip install 'acme-vault\[client\]'"):
            store_from_url("needy://x:1/y")


def test_a_library_is_loaded_or_named(others: Path) -> None:
    """The guard gives the module, or the error with what pip installs; it hides no other error."""
    assert load_library("json", "x").__name__ == "json"
    check_library("json", "x")
    for guard in (load_library, check_library):
        for module in ("no_such_library", "no_such_library.part", "json.no_such_part"):
            with pytest.raises(MissingDependency, match=r"pip install 'kvcore\[x\]'"):
                guard(module, "kvcore[x]")
    (others / "broken_library.py").write_text("import no_such_library")
    check_library("broken_library", "kvcore[x]")
    assert "broken_library" not in sys.modules, "looked for, not imported"
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_library("broken_library", "kvcore[x]")
