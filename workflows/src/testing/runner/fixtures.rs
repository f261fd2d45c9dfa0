//! Fixtures that tests need and nothing has: those of well-known plugins are told with the plugin.

/// Fixtures with the package that has them, and the name of the plugin for `pytest_plugins`.
const KNOWN: [(&str, &str, &str); 24] = [
    ("aiohttp_client", "pytest-aiohttp", "pytest_aiohttp.plugin"),
    ("benchmark", "pytest-benchmark", "pytest_benchmark.plugin"),
    ("class_mocker", "pytest-mock", "pytest_mock"),
    ("cov", "pytest-cov", "pytest_cov.plugin"),
    ("data_regression", "pytest-regressions", "pytest_regressions.plugin"),
    ("datadir", "pytest-datadir", "pytest_datadir.plugin"),
    ("db", "pytest-django", "pytest_django.plugin"),
    ("event_loop", "pytest-asyncio", "pytest_asyncio.plugin"),
    ("faker", "Faker", "faker.contrib.pytest.plugin"),
    ("freezer", "pytest-freezer", "pytest_freezer"),
    ("fs", "pyfakefs", "pyfakefs.pytest_plugin"),
    ("httpserver", "pytest-httpserver", "pytest_httpserver.pytest_plugin"),
    ("httpx_mock", "pytest-httpx", "pytest_httpx"),
    ("mocker", "pytest-mock", "pytest_mock"),
    ("module_mocker", "pytest-mock", "pytest_mock"),
    ("page", "pytest-playwright", "pytest_playwright.pytest_playwright"),
    ("pytester", "pytest", "pytester"),
    ("qtbot", "pytest-qt", "pytestqt.plugin"),
    ("requests_mock", "requests-mock", "requests_mock.contrib._pytest_plugin"),
    ("session_mocker", "pytest-mock", "pytest_mock"),
    ("snapshot", "syrupy", "syrupy"),
    ("subtests", "pytest-subtests", "pytest_subtests"),
    ("testdir", "pytest", "pytester"),
    ("worker_id", "pytest-xdist", "xdist.plugin"),
];

/// What is said of a test that cannot run, whatever is submitted.
pub(super) fn lacking(test: &str, fixture: &str) -> String {
    let told = format!(
        "`{test}` needs the fixture `{fixture}`, which neither the reference nor a plugin that it loads has"
    );
    let Some((_, package, plugin)) = KNOWN.iter().find(|(name, ..)| *name == fixture) else { return told };
    format!(
        "{told}; it comes with `{package}`, which has to be installed on the worker and loaded by the `conftest.py` of \
         the tests: `pytest_plugins = [\"{plugin}\"]`"
    )
}
