# Makes the table of consumers from the output of the tests. A line
#
#   consumer: NAME | HOW IT IS LOADED | SUITE | PASSED/RUN
#
# counts cases of a suite; the lines of one row are added up. tests/run.sh compares
# the rows with those of src/COMPAT.md.
/^consumer: / {
    sub(/^consumer: /, "")
    split($0, part, / \| /)
    row = part[1] " | " part[2] " | " part[3]
    split(part[4], count, "/")
    passed[row] += count[1]
    run[row] += count[2]
}

END {
    for (row in run) {
        print "| " row " | " passed[row] "/" run[row] " |"
    }
}
