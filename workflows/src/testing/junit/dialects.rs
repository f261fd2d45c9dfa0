//! Short reports in the manner of many frameworks: what passed must not be refused, and what failed must not pass.

use super::{case::Case, read::read};
use crate::testing::report::Verdict::{self, Failed, Passed, Skipped};

/// With a test that passes, one that fails, and others that are skipped.
const REPORTS: &[(&str, &str)] = &[
    (
        "Gradle, Spock and Kotest",
        r#"<testsuite name="TriangleTest" tests="3" skipped="1" failures="1" errors="0" timestamp="2026-01-05T08:00:00" hostname="h" time="0.1">
        <properties/><testcase name="good" classname="TriangleTest" time="0.0"/>
        <testcase name="bad" classname="TriangleTest" time="0.0"><failure message="no" type="org.opentest4j.AssertionFailedError">trace</failure></testcase>
        <testcase name="later" classname="TriangleTest" time="0.0"><skipped/></testcase><system-out><![CDATA[]]></system-out></testsuite>"#,
    ),
    (
        "Surefire with tests that are run again",
        r#"<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:result="urn:x" xsi:noNamespaceSchemaLocation="https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd" version="3.0.2" name="T" time="1" tests="3" errors="1" skipped="0" failures="0" flakes="1">
        <testcase name="good" classname="T" time="0.01"><flakyFailure message="slow" type="E"><stackTrace>t</stackTrace></flakyFailure></testcase>
        <testcase name="bad" classname="T" time="0.01"><error message="m" type="E"/><rerunError type="E"><stackTrace>t</stackTrace></rerunError></testcase></testsuite>"#,
    ),
    (
        "Mocha and Cypress",
        r#"<testsuites name="Mocha Tests" time="0.01" tests="2" failures="1"><testsuite name="Root Suite" timestamp="t" tests="0" file="a.cy.js" time="0" failures="0"></testsuite>
        <testsuite name="T" timestamp="t" tests="2" time="0.01" failures="1" skipped="0"><testcase name="good" time="0" classname="T"></testcase>
        <testcase name="bad" time="0" classname="T"><failure message="expected 1 to equal 2" type="AssertionError"><![CDATA[x]]></failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "Playwright",
        r#"<testsuites id="" name="" tests="3" failures="1" skipped="1" errors="0" time="1.5"><testsuite name="a.spec.ts" timestamp="t" hostname="chromium" tests="3" failures="1" skipped="1" time="1" errors="0">
        <testcase name="good" classname="a.spec.ts" time="1"><properties><property name="annotation" value="failed"/></properties></testcase>
        <testcase name="bad" classname="a.spec.ts" time="1"><failure message="a.spec.ts:5:1 bad" type="FAILURE"><![CDATA[x]]></failure><system-out><![CDATA[[[ATTACHMENT|a.png]]]]></system-out></testcase>
        <testcase name="later" classname="a.spec.ts" time="0"><skipped></skipped></testcase></testsuite></testsuites>"#,
    ),
    (
        "Catch2, which counts assertions",
        r#"<testsuites><testsuite name="t" errors="0" failures="2" skipped="0" tests="5" hostname="tbd" time="0.01" timestamp="t"><properties><property name="random-seed" value="1"/></properties>
        <testcase classname="t.global" name="good" time="0.0" status="run"/>
        <testcase classname="t.global" name="bad" time="0.0" status="run"><failure message="1 == 2" type="REQUIRE">x</failure><failure message="1 == 3" type="CHECK">x</failure></testcase><system-out/><system-err/></testsuite></testsuites>"#,
    ),
    (
        "GoogleTest",
        r#"<testsuites tests="3" failures="1" disabled="1" errors="0" time="0." timestamp="t" name="AllTests"><testsuite name="T" tests="3" failures="1" disabled="1" skipped="0" errors="0" time="0." timestamp="t">
        <testcase name="good" value_param="failed" file="a.cc" line="3" status="run" result="completed" time="0." timestamp="t" classname="T"/>
        <testcase name="bad" status="run" result="completed" time="0." classname="T"><failure message="a" type=""/><failure message="b" type=""/></testcase>
        <testcase name="DISABLED_x" status="notrun" result="suppressed" time="0." classname="T"/></testsuite></testsuites>"#,
    ),
    (
        "CTest",
        r#"<testsuite name="(empty)" tests="4" failures="1" disabled="1" skipped="1" hostname="" time="0" timestamp="t"><testcase name="good" classname="good" time="0.1" status="run"><properties/><system-out></system-out></testcase>
        <testcase name="bad" classname="bad" time="0.1" status="fail"><failure message=""/><properties/></testcase>
        <testcase name="off" classname="off" time="0" status="disabled"/><testcase name="none" classname="none" time="0" status="notrun"><skipped message="77"/></testcase></testsuite>"#,
    ),
    (
        "Boost.Test, which counts a fatal error twice",
        r#"<testsuite tests="1" skipped="0" errors="2" failures="2" id="0" name="t" time="0.001"><testcase assertions="1" name="good" time="0.001"></testcase>
        <testcase assertions="2" name="bad" time="0.001"><failure message="failure" type="fatal error"><![CDATA[x]]></failure></testcase>
        <testcase assertions="1" name="thrown" time="0.001"><error message="unexpected exception" type="uncaught exception">x</error></testcase></testsuite>"#,
    ),
    (
        "Criterion",
        r#"<testsuites name="Criterion Tests" tests="3" failures="1" errors="0" disabled="1"><testsuite name="T" tests="3" failures="1" errors="0" disabled="0" skipped="1" time="0.01">
        <testcase name="good" assertions="1" status="PASSED" time="0.01"></testcase><testcase name="bad" assertions="1" status="FAILED" time="0.01"><failure type="assert" message="1 assertion(s) failed.">x</failure></testcase>
        <testcase name="later" assertions="0" status="SKIPPED" time="0"><skipped/></testcase></testsuite></testsuites>"#,
    ),
    (
        "go-junit-report and gotestsum",
        r#"<testsuites tests="2" failures="1" errors="0" time="0.01"><testsuite tests="2" failures="1" time="0.01" name="uni.example/t" timestamp="t" id="0" hostname="h"><properties><property name="go.version" value="go1.24"/></properties>
        <testcase classname="t" name="good" time="0.000000"></testcase><testcase classname="t" name="bad" time="0"><failure message="Failed" type="">x</failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "Robot Framework",
        r#"<testsuite name="T" tests="3" errors="0" failures="1" skipped="1" time="0.01" timestamp="t"><testcase classname="T" name="good" time="0"></testcase>
        <testcase classname="T" name="bad" time="0"><failure message="1 != 2" type="AssertionError"/></testcase><testcase classname="T" name="later" time="0"><skipped message="x" type="SkipExecution"/></testcase></testsuite>"#,
    ),
    (
        "NUnit 2 through a style sheet",
        r#"<testsuites><testsuite name="T" tests="3" time="0.01" failures="1" errors="0" skipped="1" executed="True" result="Failure" success="False" asserts="0">
        <testcase classname="T" name="good" executed="True" result="Success" success="True" time="0.01" asserts="1"/>
        <testcase classname="T" name="bad" executed="True" result="Failure" success="False" time="0.01" asserts="1"><failure>Message: no</failure></testcase>
        <testcase classname="T" name="later" executed="False" result="Ignored"><skipped/></testcase></testsuite></testsuites>"#,
    ),
    (
        "NUnit 3 with its attributes kept",
        r#"<testsuites><testsuite name="T" tests="2" failures="1" result="Failed" runstate="Runnable" total="2" passed="1" failed="1" inconclusive="0" skipped="0">
        <testcase classname="T" name="good" runstate="Runnable" result="Passed" seed="1" duration="0.1" asserts="1"/>
        <testcase classname="T" name="bad" runstate="Runnable" result="Failed" label="Error"><error message="x"/></testcase></testsuite></testsuites>"#,
    ),
    (
        "JunitXml.TestLogger for .NET",
        r#"<testsuites><testsuite name="T.dll" tests="2" skipped="0" failures="1" errors="0" time="1" timestamp="t" hostname="h" id="0" package="T.dll"><properties/>
        <testcase classname="T" name="good" time="0.01"/><testcase classname="T" name="bad" time="0.01"><failure type="failure" message="x">at</failure></testcase><system-out></system-out></testsuite></testsuites>"#,
    ),
    (
        "PHPUnit",
        r#"<testsuites><testsuite name="all" tests="2" assertions="2" errors="0" warnings="0" failures="1" skipped="0" time="0.01"><testsuite name="T" file="T.php" tests="2" assertions="2" errors="0" warnings="0" failures="1" skipped="0" time="0.01">
        <testcase name="good" class="T" classname="T" file="T.php" line="7" assertions="1" time="0.0"/><testcase name="bad" class="T" classname="T" file="T.php" line="9" assertions="1" time="0.0"><failure type="PHPUnit\Framework\ExpectationFailedException">x</failure></testcase></testsuite></testsuite></testsuites>"#,
    ),
    (
        "RSpec",
        r#"<testsuite name="rspec" tests="3" skipped="1" failures="1" errors="0" time="0.01" timestamp="t" hostname="h"><properties><property name="seed" value="1"/></properties>
        <testcase classname="spec.t" name="good" file="./spec/t.rb" time="0.0"></testcase><testcase classname="spec.t" name="bad" file="./spec/t.rb" time="0.0"><failure message="x" type="RSpec::Expectations::ExpectationNotMetError">y</failure></testcase>
        <testcase classname="spec.t" name="later" file="./spec/t.rb" time="0.0"><skipped/></testcase></testsuite>"#,
    ),
    (
        "minitest",
        r#"<testsuites><testsuite name="T" timestamp="t" tests="2" skipped="0" failures="0" errors="1" assertions="1" filepath="t.rb" time="0.1"><testcase name="good" lineno="3" classname="T" assertions="1" time="0.1" file="t.rb"/>
        <testcase name="bad" lineno="5" classname="T" assertions="0" time="0.1"><error type="NameError" message="x">y</error></testcase></testsuite></testsuites>"#,
    ),
    (
        "Karma and QUnit",
        r#"<testsuite name="Firefox" package="" timestamp="t" id="0" hostname="h" tests="3" errors="0" failures="1" time="0.1"><properties><property name="browser.fullName" value="x"/></properties>
        <testcase name="T good" time="0.1" classname="T"/><testcase name="T bad" time="0.1" classname="T"><failure type="">x</failure></testcase><testcase name="T later" time="0" classname="T"><skipped/></testcase><system-out/><system-err/></testsuite>"#,
    ),
    (
        "TAP converters",
        r#"<testsuites><testsuite name="t_01" failures="1" errors="1" tests="2"><testcase name="1 - good" time="0"></testcase><testcase name="2 - bad" time="0"><failure type="TestFailed" message="not ok 2 - bad"></failure></testcase>
        <testcase name="(teardown)" time="0"><error type="TestPlan" message="exit status 1"/></testcase><system-out></system-out></testsuite></testsuites>"#,
    ),
    (
        "Bazel",
        r#"<testsuites><testsuite name="t" tests="2" failures="0" errors="1"><testcase name="good" status="run" duration="0" time="0"></testcase><testcase name="bad" status="run" duration="1" time="1"><error message="exited with error code 1"></error></testcase>
        <system-out>Generated test.log (if the file is not UTF-8, then this may be unreadable):</system-out></testsuite></testsuites>"#,
    ),
    (
        "nextest",
        r#"<testsuites name="nextest-run" tests="2" failures="1" errors="0" uuid="1" timestamp="t" time="0.1"><testsuite name="t" tests="2" disabled="0" errors="0" failures="1"><testcase name="good" classname="t" timestamp="t" time="0.01"></testcase>
        <testcase name="bad" classname="t" timestamp="t" time="0.01"><failure message="x" type="test failure with exit code 101">y</failure><system-out>z</system-out></testcase></testsuite></testsuites>"#,
    ),
    (
        "Swift",
        r#"<testsuites><testsuite name="TestResults" errors="0" tests="2" failures="1" skipped="0" time="0.1"><testcase classname="T" name="good" time="0.01"></testcase><testcase classname="T" name="bad" time="0.01"><failure message="failed"></failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "ScalaTest and sbt",
        r#"<testsuite hostname="h" name="T" tests="2" errors="0" failures="1" skipped="0" time="0.1" timestamp="t"><properties><property name="user.dir" value="/x"/></properties>
        <testcase classname="T" name="good" time="0.1"></testcase><testcase classname="T" name="bad" time="0.1"><failure message="x" type="class org.scalatest.exceptions.TestFailedException">y</failure></testcase><system-out><![CDATA[]]></system-out><system-err/></testsuite>"#,
    ),
    (
        "EUnit",
        r#"<testsuite tests="2" failures="1" errors="0" skipped="0" time="0.1" name="module 't'"><testcase time="0.0" name="t:good_test/0"/><testcase time="0.0" name="t:bad_test/0"><failure type="error">x</failure><system-out>y</system-out></testcase></testsuite>"#,
    ),
    (
        "Common Test",
        r#"<testsuites><testsuite errors="0" failures="1" hostname="h" name="T" skipped="1" tests="3" time="0.1" timestamp="t"><properties/><testcase name="good" time="0.1" timestamp="t" log="a.html"><properties/></testcase>
        <testcase name="bad" time="0.1" timestamp="t" log="b.html"><failure message="Test t in t failed!" type="crash">x</failure></testcase><testcase name="later" time="0"><skipped type="auto" message="x"/></testcase></testsuite></testsuites>"#,
    ),
    (
        "Tasty and HUnit",
        r#"<testsuites errors="0" failures="1" tests="2" time="0.1"><testsuite name="T" tests="2"><testcase name="good" time="0.1" classname="T"/><testcase name="bad" time="0.1" classname="T"><failure>expected: 1</failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "MATLAB and Octave",
        r#"<testsuites><testsuite errors="0" failures="1" name="T" skipped="0" tests="2" time="0.1"><testcase classname="T" name="good" time="0.1"/><testcase classname="T" name="bad" time="0.1"><failure type="VerificationFailure">x</failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "Behave",
        r#"<testsuite name="t.T" tests="3" errors="0" failures="1" skipped="1" time="0.1" timestamp="t" hostname="h"><testcase classname="t.T" name="good" status="passed" time="0.1"><system-out>Given x ... passed in 0.1s</system-out></testcase>
        <testcase classname="t.T" name="bad" status="failed" time="0.1"><failure type="AssertionError" message="x">y</failure></testcase><testcase classname="t.T" name="later" status="skipped" time="0"><skipped/></testcase></testsuite>"#,
    ),
    (
        "Pester",
        r#"<testsuites name="Pester" tests="2" errors="0" failures="1" disabled="0" time="1"><testsuite name="T.ps1" tests="2" errors="0" failures="1" hostname="h" id="0" skipped="0" disabled="0" package="T.ps1" time="0.1"><properties><property name="clr-version" value="4"/></properties>
        <testcase name="good" status="Passed" classname="T.ps1" assertions="0" time="0.1"/><testcase name="bad" status="Failed" classname="T.ps1" assertions="0" time="0.1"><failure message="x">y</failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "TestNG",
        r#"<testsuite hostname="h" ignored="0" failures="1" tests="2" name="T" time="0.1" errors="0" timestamp="t" skipped="0"><testcase classname="T" name="good" time="0.1"/><testcase classname="T" name="bad" time="0.1"><failure message="x" type="java.lang.AssertionError">y</failure></testcase></testsuite>"#,
    ),
    (
        "Vitest",
        r#"<testsuites name="vitest tests" tests="3" failures="1" errors="0" time="0.1"><testsuite name="a.test.ts" timestamp="t" hostname="h" tests="3" failures="1" errors="0" skipped="1" time="0.1"><testcase classname="a.test.ts" name="good" time="0.001"></testcase>
        <testcase classname="a.test.ts" name="bad" time="0.001"><failure message="expected 1 to be 2" type="AssertionError">x</failure></testcase><testcase classname="a.test.ts" name="later" time="0"><skipped/></testcase></testsuite></testsuites>"#,
    ),
    (
        "Bun and Deno",
        r#"<testsuites name="bun test" tests="3" assertions="2" failures="1" skipped="1" time="0.1"><testsuite name="a.test.ts" file="a.test.ts" tests="3" assertions="2" disabled="0" failures="1" skipped="1" time="0" hostname="h"><testcase name="good" classname="" time="0.1" file="a.test.ts" line="3" col="6" assertions="1"/>
        <testcase name="bad" classname="" time="0.1" file="a.test.ts" line="7" assertions="1"><failure type="AssertionError"/></testcase><testcase name="later" classname="" time="0" assertions="0"><skipped/></testcase></testsuite></testsuites>"#,
    ),
    (
        "Jasmine",
        r#"<testsuites disabled="false" errors="0" failures="1" tests="2" time="0.1"><testsuite name="T" timestamp="t" hostname="localhost" time="0.1" errors="0" tests="2" skipped="0" disabled="false" failures="1" package="a"><properties/>
        <testcase classname="T" name="good" time="0.1"/><testcase classname="T" name="bad" time="0.1"><failure type="toEqual" message="x"><![CDATA[y]]></failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "Dart",
        r#"<testsuites><testsuite errors="0" failures="1" tests="3" skipped="1" name="t" timestamp="t"><properties><property name="platform" value="vm"/></properties><testcase classname="t" name="good" time="0.1"/>
        <testcase classname="t" name="bad" time="0.1"><failure message="1 failure, see stacktrace for details">Failure:</failure></testcase><testcase classname="t" name="later" time="0"><skipped/></testcase><system-out>x</system-out></testsuite></testsuites>"#,
    ),
    (
        "Julia",
        r#"<testsuites tests="2" failures="1" errors="0"><testsuite name="T" tests="2" failures="1" errors="0" time="0.1" timestamp="t" hostname="h" id="0"><testcase name="good (Test 1)" id="1" classname="T" time="0.1"/>
        <testcase name="bad (Test 2)" id="2" classname="T" time="0.1"><failure message="1 == 2" type="test">Test Failed</failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "testthat",
        r#"<testsuites><testsuite name="t" timestamp="t" hostname="h" tests="3" skipped="1" failures="1" errors="0" time="0.1"><testcase time="0.1" classname="t" name="good"/>
        <testcase time="0.1" classname="t" name="bad"><failure type="failure" message="1 not equal to 2 (test-t.R:3:3)">x</failure></testcase><testcase time="0" classname="t" name="later"><skipped message="Reason: x"/></testcase></testsuite></testsuites>"#,
    ),
    (
        "doctest",
        r#"<testsuites><testsuite name="t" errors="0" failures="1" tests="3"><testcase classname="a.cpp" name="good" time="0.000014" file="a.cpp" line="3" status="run"/>
        <testcase classname="a.cpp" name="bad" time="0.00001" status="run"><failure message="1 == 2" type="CHECK">x</failure></testcase></testsuite></testsuites>"#,
    ),
    (
        "cmocka and Unity",
        r#"<testsuites tests="3" failures="1" ignored="1"><testsuite name="t" time="0.1" tests="3" failures="1" errors="0" skipped="1" ignored="1"><testcase name="good" time="0.1"></testcase>
        <testcase name="bad" time="0.1"><failure><![CDATA[0x1 != 0x2]]></failure></testcase><testcase name="later" time="0"><skipped/></testcase></testsuite></testsuites>"#,
    ),
    (
        "Bats",
        r#"<testsuites time="0.1"><testsuite name="t.bats" tests="3" failures="1" errors="0" skipped="1" time="0.1" timestamp="t" hostname="h"><testcase classname="t.bats" name="good" time="0.1"/>
        <testcase classname="t.bats" name="bad" time="0.1"><failure type="failure">(in test file t.bats, line 5)</failure></testcase><testcase classname="t.bats" name="later" time="0"><skipped>x</skipped></testcase></testsuite></testsuites>"#,
    ),
    (
        "ExUnit",
        r#"<testsuites><testsuite errors="0" excluded="1" failures="1" name="Elixir.T" skipped="0" tests="3" time="0.1"><properties><property name="seed" value="0"/></properties><testcase classname="Elixir.T" file="t.exs" name="test good" time="0.1"/>
        <testcase classname="Elixir.T" file="t.exs" name="test bad" time="0.1"><failure message="error: x">y</failure></testcase><testcase classname="Elixir.T" name="test later" time="0"><skipped/></testcase></testsuite></testsuites>"#,
    ),
    (
        "OUnit",
        r#"<testsuites><testsuite id="1" package="t" name="t" timestamp="t" hostname="h" tests="2" failures="1" errors="0" time="0.1"><properties><property name="ocaml" value="4"/></properties><testcase name="t:0:good" classname="t" time="0.1"/>
        <testcase name="t:1:bad" classname="t" time="0.1"><failure type="OUnit.Failure" message="no">x</failure></testcase><system-out/><system-err/></testsuite></testsuites>"#,
    ),
    (
        "libtest of Rust",
        r#"<testsuites><testsuite name="test" package="test" id="0" errors="0" failures="1" tests="3" skipped="1"><testcase classname="t" name="good" time="0.1"/>
        <testcase classname="t" name="bad" time="0.1"><failure type="assert"/><system-out><![CDATA[thread 't::bad' panicked]]></system-out></testcase></testsuite></testsuites>"#,
    ),
    (
        "unittest-xml-reporting",
        r#"<testsuites><testsuite name="t.T-20260105" tests="3" file="t.py" time="0.1" timestamp="t" failures="0" errors="1" skipped="1"><testcase classname="t.T" name="good" time="0.1" timestamp="t" file="t.py" line="3"/>
        <testcase classname="t.T" name="bad" time="0.1" timestamp="t"><error type="ValueError" message="x"><![CDATA[y]]></error></testcase><testcase classname="t.T" name="later" time="0"><skipped type="skip" message="x"/></testcase></testsuite></testsuites>"#,
    ),
    (
        "Visual Studio's TRX through a converter",
        r#"<testsuites><testsuite name="T" tests="3" failures="1" errors="0" skipped="1" disabled="0" time="0.1" timestamp="t" hostname="-" id="0" package="T"><testcase name="good" classname="T" time="0.1" status="Passed" outcome="Passed"/>
        <testcase name="bad" classname="T" time="0.1" outcome="Failed"><failure message="Assert.AreEqual failed." type="error">x</failure></testcase><testcase name="later" classname="T" time="0" outcome="NotExecuted"><skipped/></testcase></testsuite></testsuites>"#,
    ),
    (
        "busted, Nim and Newman",
        r#"<testsuites><testsuite name="T" id="0" timestamp="t" errors="0" failures="1" skipped="0" tests="2" hostname="h" time="0.1"><properties/><testcase classname="t.lua:1" name="good" time="0.1"/><testcase classname="t.lua:3" name="bad" time="0.1"><failure message="x" type="AssertionFailure">y</failure></testcase></testsuite></testsuites>"#,
    ),
];

fn cases(name: &str, report: &str) -> Vec<Case> {
    read(report).unwrap_or_else(|fault| panic!("{name}: {fault}")).cases
}

fn verdict_of(cases: &[Case], test: &str) -> Verdict {
    let found = cases.iter().find(|case| case.name.contains(test));
    found.unwrap_or_else(|| panic!("{test} is not in {cases:#?}")).verdict
}

#[test]
fn what_passed_is_not_refused_and_what_failed_does_not_pass() {
    for (name, report) in REPORTS {
        let cases = cases(name, report);
        assert_eq!(verdict_of(&cases, "good"), Passed, "{name}: {cases:#?}");
        assert_eq!(verdict_of(&cases, "bad"), Failed, "{name}: {cases:#?}");
        assert!(cases.iter().all(|case| !case.of_suite), "{name}: {cases:#?}");
        for case in cases.iter().filter(|case| ["later", "off", "none"].contains(&case.name.as_str())) {
            assert_eq!(case.verdict, Skipped, "{name}");
        }
    }
}

/// `S` and `T` are suites; `a` passes unless something else says otherwise.
#[test]
fn a_verdict_is_never_better_than_the_report_says() {
    for report in [
        "<testsuite name='S' errors='1'><testcase name='a'/></testsuite>",
        "<testsuite name='S' errors='one'><testcase name='a'/></testsuite>",
        "<testsuite name='S'><error/><testcase name='a'/></testsuite>",
        "<testsuite name='S'><testcase name='a'/><failure message='m'/></testsuite>",
        "<testsuites errors='1'><testsuite name='S'><testcase name='a'/></testsuite></testsuites>",
        // One failure is told, and two are counted.
        "<testsuite failures='2'><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite>",
        "<testsuite failures='1' errors='1'><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite>",
        // Nobody knows whose failure it is.
        "<testsuite name='S'><testcase name='a'/><testcase><failure/></testcase></testsuite>",
        "<testsuite name='S'><testcase name='a'/><testcase name=' ' classname='T'><failure/></testcase></testsuite>",
        "<testsuites><testsuite name='S'><testcase name='a'/></testsuite><testsuite name='T'><testcase name='' classname=''><failure/></testcase></testsuite></testsuites>",
        // A suite without tests is a preparation of the others.
        "<testsuites><testsuite name='T' errors='1'/><testsuite name='S'><testcase name='a'/></testsuite></testsuites>",
        "<testsuites><testsuite name='S'><testcase name='a'/></testsuite><testsuite name='T'><error/></testsuite></testsuites>",
        "<testsuite name='S' errors='1'/><testsuite name='T'><testcase name='a'/></testsuite>",
        // What suites say in other ways.
        "<testsuite name='S' result='Failure'><testcase name='a'/></testsuite>",
        "<testsuite name='S' isSuccess='false'><testcase name='a'/></testsuite>",
        "<testsuite name='S' exit-code='1'><testcase name='a'/></testsuite>",
        "<testsuite name='S' tests='1' passed='0'><testcase name='a'/></testsuite>",
        "<testsuite name='S' status='skipped'><testcase name='a'/></testsuite>",
        "<testsuite name='S'><skipped/><testcase name='a'/></testsuite>",
        "<testsuite name='S'><summary failures='1'/><testcase name='a'/></testsuite>",
        "<testsuite name='S'><statistics errors='1'/><testcase name='a'/></testsuite>",
        "<testsuite name='S'><batch status='failed'><testcase name='a'/></batch></testsuite>",
        // What tests say in other ways.
        "<testsuite><testcase name='a' isSuccess='false'/></testsuite>",
        "<testsuite><testcase name='a' isFailed='true'/></testsuite>",
        "<testsuite><testcase name='a' hasError='true'/></testsuite>",
        "<testsuite><testcase name='a' error-count='1'/></testsuite>",
        "<testsuite><testcase name='a' exit-code='1'/></testsuite>",
        "<testsuite><testcase name='a' resultCode='1'/></testsuite>",
        "<testsuite xmlns:x='y'><testcase name='a' x:Is_Failed='Yes'/></testsuite>",
        "<testsuite><testcase name='a'><steps><step status='passed'/><step status='failed'/></steps></testcase></testsuite>",
        "<testsuite><testcase name='a'><steps><step><failure/></step></steps></testcase></testsuite>",
        "<testsuite><testcase name='a'><step>failed</step></testcase></testsuite>",
        "<testsuite><testcase name='a'><summary errors='1'/></testcase></testsuite>",
        "<testsuite><testcase name='a'><passed>false</passed></testcase></testsuite>",
        "<testsuite><testcase name='a'><success result='failed'/></testcase></testsuite>",
    ] {
        let cases = cases(report, report);
        assert_ne!(verdict_of(&cases, "a"), Passed, "{report}: {cases:#?}");
    }
    for report in [
        "<testsuite name='S' status='shrug'><testcase name='a'/></testsuite>",
        "<testsuite><testcase name='a' phase='failed'/></testsuite>",
        "<testsuite><testcase name='a' success='perhaps'/></testsuite>",
        "<testsuite><testcase name='a'><steps><step status='shrug'/></steps></testcase></testsuite>",
        "<testsuite><testcase name='a'><steps><verdict/></steps></testcase></testsuite>",
        "<testsuite><testcase name='a'><exit-code>1</exit-code></testcase></testsuite>",
    ] {
        assert!(read(report).unwrap().unknown.is_some(), "{report}");
        assert_eq!(verdict_of(&cases(report, report), "a"), Failed, "{report}");
    }
}

#[test]
fn tests_of_another_suite_and_failures_that_tests_tell_do_not_count() {
    for report in [
        "<testsuites errors='1'><testsuite name='S'><testcase name='a'/></testsuite><testsuite name='T' errors='1'><testcase name='own'/></testsuite></testsuites>",
        "<testsuite errors='1'><testcase name='a'/><testcase name='own'><error/></testcase></testsuite>",
        "<testsuites><testsuite name='S'><testcase name='a'/></testsuite><testsuite name='T'><testcase classname='T'><error/></testcase></testsuite></testsuites>",
        "<testsuites failures='1'><testsuite name='S' failures='0' errors='0' success='True'><testcase name='a'/></testsuite><testsuite name='T' failures='1' success='False'><testcase name='own' status='failed'/></testsuite></testsuites>",
        "<testsuite tests='3' skipped='1' disabled='2'><testcase name='a'/></testsuite>",
        "<testsuite failures='1'><summary failures='1'/><testcase name='a'/><testcase name='own'><failure/></testcase></testsuite>",
        "<testsuite failures='1'><testcase name='a'/><testcase name='own'><skipped type='todo'/><failure/></testcase></testsuite>",
        "<testsuite passed='0' skipped='1' status='passed'><testcase name='own'><skipped/></testcase></testsuite><testsuite><testcase name='a'/></testsuite>",
        "<testsuite><testcase name='a' issue='7' expected-result='failed'><steps><step status='passed'>open</step></steps><passed/></testcase></testsuite>",
    ] {
        let cases = cases(report, report);
        assert_eq!(verdict_of(&cases, "a"), Passed, "{report}: {cases:#?}");
    }
}

/// Numbers of a suite with two tests that pass by themselves.
#[test]
fn numbers_that_the_tests_of_a_suite_do_not_tell_fail_them() {
    let verdicts = |counts: &str| {
        let suite =
            format!("<testsuite name='S' {counts}><testcase name='a'/><testcase name='b'/></testsuite>");
        let report = format!("<testsuites {counts}>{suite}</testsuites>");
        [suite, report].map(|report| verdict_of(&cases(&report, &report), "a"))
    };
    for counts in [
        "tests='2' passed='1'",
        "tests='2' tests-passed='1'",
        "passed='00'",
        "successes='1'",
        "executed='1'",
        "ran='1'",
        "tests='2' skipped='2'",
        "skipped='1'",
        "disabled='2'",
        "not-run='2'",
        "numIgnored='1'",
        "inconclusive='1'",
        "tests='3' skipped='2'",
        "timeouts='1'",
        "timedout='1'",
        "invalid='1'",
        "blocked='1'",
        "unknown='1'",
        "crashes='1.0'",
    ] {
        assert_eq!(verdicts(counts), [Failed, Failed], "{counts}");
    }
    for counts in [
        "tests='2' passed='2' skipped='0' timeouts='0' invalid='0' blocked='0'",
        "tests='4' passed='2' executed='2' skipped='2' disabled='1' not-run='2'",
        "tests='1'",
        "tests='5' passed='4'",
        "success='1' valid='true' timeout='30' warnings='1' regressions='1'",
        // MSTest.
        "total='2' executed='2' passed='2' error='0' completed='0' inProgress='0' pending='0'",
    ] {
        assert_eq!(verdicts(counts), [Passed, Passed], "{counts}");
    }
}

#[test]
fn numbers_that_the_tests_of_a_suite_tell_in_some_way_fail_none() {
    for report in [
        "<testsuite tests='2' passed='1' skipped='1'><testcase name='a'/><testcase name='b'><skipped/></testcase></testsuite>",
        // The skips of subtests, as pytest has them.
        "<testsuite tests='2' skipped='2'><testcase name='a'/><testcase name='b'><skipped/><skipped/></testcase></testsuite>",
        // NUnit 2 counts here what cannot be run, too.
        "<testsuite not-run='1' invalid='1'><testcase name='a'/><testcase name='b' executed='False' result='NotRunnable'/></testsuite>",
        "<testsuites skipped='2'><testsuite tests='3' skipped='2'><testcase name='a'/></testsuite></testsuites>",
        "<testsuites skipped='2'><testsuite tests='1'><testcase name='a'/></testsuite><testsuite tests='0' skipped='2'/></testsuites>",
        "<testsuites skipped='1'><testcase name='a'/><testsuite><skipped/><testcase name='b'><failure/></testcase></testsuite></testsuites>",
        "<testsuite passed='1' flaky='1'><testcase name='a'/><testcase name='b'><flakyFailure/></testcase></testsuite>",
        // What is untold in one suite is not untold in all.
        "<testsuites skipped='1' passed='1'><testsuite name='S' skipped='1'><testcase name='b'/></testsuite><testsuite><testcase name='a'/></testsuite></testsuites>",
    ] {
        let cases = cases(report, report);
        assert_eq!(verdict_of(&cases, "a"), Passed, "{report}: {cases:#?}");
    }
    // A number that one suite does not tell is no failure that another one counts.
    let report = "<testsuites failures='1'><testsuite name='S' skipped='1'><testcase name='b'/></testsuite><testsuite><testcase name='a'/></testsuite></testsuites>";
    assert_eq!(verdict_of(&cases(report, report), "a"), Failed);
}

#[test]
fn words_for_states_are_names_of_attributes() {
    let verdict = |said: &str| {
        let report = format!("<testsuite><testcase name='a' {said}/></testsuite>");
        verdict_of(&cases(&report, &report), "a")
    };
    for said in [
        "timeout='true'",
        "hasTimeout='yes'",
        "segfault='true'",
        "signal='11'",
        "signal='SIGSEGV'",
        "invalid='true'",
        "ran='false'",
        "run='false'",
        "done='false'",
        "started='false'",
        "nok='true'",
        "correct='false'",
        "green='false'",
        "leaked='true'",
        "passed='00'",
        "ok='0.0'",
    ] {
        assert_eq!(verdict(said), Failed, "{said}");
    }
    for said in ["excluded='true'", "filtered='1'", "inconclusive='true'", "xfail='true'"] {
        assert_eq!(verdict(said), Skipped, "{said}");
    }
    for said in [
        "timeout='30'",
        "timeout='1'",
        "timeout='-1'",
        "timeout='5s'",
        "timeout='false'",
        "signal='0'",
        "started='2026-01-05T08:00:00'",
        "run='nightly'",
        "run='3'",
        "expected='false'",
        "regression='true'",
        "warning='true'",
        "failures='0.0'",
    ] {
        assert_eq!(verdict(said), Passed, "{said}");
    }
    for said in ["ok='-1'", "passed='0.5'", "executed='-1'"] {
        let report = read(&format!("<testsuite><testcase name='a' {said}/></testsuite>")).unwrap();
        assert!(report.unknown.is_some() && report.cases[0].verdict == Failed, "{said}: {report:?}");
    }
    let report = "<testsuite><testcase name='a'><passed>-1</passed></testcase></testsuite>";
    assert_eq!(verdict_of(&cases(report, report), "a"), Failed);
}
