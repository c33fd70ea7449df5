"""Looks for what breaks the rules of the source tree.

    check_tree.py <source root>
"""
import sys

import rules
import source_tree


def main(root):
    tree = source_tree.Tree(root)
    problems = [problem for rule in rules.RULES for problem in rule(tree)]
    for problem in problems:
        print("FAILED:", problem)
    print(f"{len(rules.RULES)} rules, {len(tree.files)} files, {len(tree.includes)} includes, {len(tree.plugins)} plugin folders, "
          f"{len(problems)} problems")
    if not tree.plugins or not tree.includes:
        print(f"FAILED: {root} is not the source tree")
        return 1
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
