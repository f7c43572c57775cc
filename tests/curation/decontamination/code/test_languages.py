"""A renamed program is found in every language, in a fence and bare; JavaScript is found as TypeScript."""

import re

import pytest

from curation.decontamination.registry import Registry
from tests.curation.conftest import KEY

PROGRAMS = {
    "js": """function runs(list, least) {
  const found = [];
  let start = 0;
  for (let i = 1; i <= list.length; i++) {
    if (i === list.length || list[i] < list[i - 1]) {
      if (i - start >= least) found.push(list.slice(start, i));
      start = i;
    }
  }
  return found.map((run) => run.length * 2);
}
""",
    "ts": """export function runs(list: number[], least: number): number[][] {
  const found: number[][] = [];
  let start = 0;
  for (let i = 1; i <= list.length; i++) {
    if (i === list.length || list[i] < list[i - 1]) {
      if (i - start >= least) { found.push(list.slice(start, i)); }
      start = i;
    }
  }
  return found;
}
""",
    "java": """public static List<Integer> runs(int[] list, int least) {
    List<Integer> found = new ArrayList<>();
    int start = 0;
    for (int i = 1; i <= list.length; i++) {
        if (i == list.length || list[i] < list[i - 1]) {
            if (i - start >= least) {
                found.add(i - start);
            }
            start = i;
        }
    }
    return found;
}
""",
    "c": """#include <stdlib.h>

int runs(const int *list, size_t count, int least, int *found) {
    int start = 0, total = 0;
    for (int i = 1; i <= count; i++) {
        if (i == count || list[i] < list[i - 1]) {
            if (i - start >= least)
                found[total++] = i - start;
            start = i;
        }
    }
    return total;
}
""",
    "go": """func runs(list []int, least int) []int {
	found := []int{}
	start := 0
	for i := 1; i <= len(list); i++ {
		if i == len(list) || list[i] < list[i-1] {
			if i-start >= least {
				found = append(found, i-start)
			}
			start = i
		}
	}
	return found
}
""",
    "rust": """pub fn runs(list: &[i32], least: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut start = 0;
    for i in 1..=list.len() {
        if i == list.len() || list[i] < list[i - 1] {
            if i - start >= least {
                found.push(i - start);
            }
            start = i;
        }
    }
    found
}
""",
}
NAMES = {"runs": "f", "list": "xs", "least": "k", "found": "out", "start": "b", "total": "t", "count": "n", "run": "r"}


@pytest.fixture(scope="module")
def registry():
    items = [(language, "code v1", f"```{language}\n{code}```", "") for language, code in PROGRAMS.items()]
    return Registry.from_bytes(Registry.build(items, KEY), KEY)


def renamed(code):
    code = re.sub(r"\bi\b", "at", code).replace("0", "7")
    code = re.sub(r"\b(" + "|".join(NAMES) + r")\b", lambda m: NAMES[m.group()], code)
    return re.sub(r"(?m)^\s+", lambda m: m.group() * 2, code)


@pytest.mark.parametrize("language", PROGRAMS)
def test_renamed_in_a_fence_and_bare(registry, language):
    code = renamed(PROGRAMS[language])
    assert registry.header["code_too_short"] == []
    for row in (f"Look at this:\n```{language}\n{code}```\n", f"Look at this:\n\n{code}\nDone."):
        overlap = registry.check(row)
        assert overlap.blocked and overlap.method == "structure"
        assert overlap.item_id == language or {overlap.item_id, language} <= {"js", "ts"}


def test_javascript_is_found_as_typescript(registry):
    untyped = re.sub(r": number(\[\])*", "", PROGRAMS["ts"])
    assert registry.check("```js\n" + renamed(untyped) + "```").scores["structure"] > 0.9
