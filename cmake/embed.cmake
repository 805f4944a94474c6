# celere_embed(OUT_VARIABLE FOLDER): an assembler file that carries every FOLDER/*/*.toml and *.csv, with a table of
# (path, first byte, size) under the symbol celere_embedded.

function(celere_embed out folder)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*/*.toml ${folder}/*/*.csv)
  list(SORT files)
  set(data ".section .rodata\n")
  set(table ".section .data.rel.ro, \"aw\"\n.globl celere_embedded\n.balign 8\ncelere_embedded:\n")
  set(number 0)
  foreach(file ${files})
    file(RELATIVE_PATH path ${folder} ${file})
    string(APPEND data ".Lpath_${number}: .asciz \"${path}\"\n.Lbegin_${number}: .incbin \"${file}\"\n.Lend_${number}: .byte 0\n")
    string(APPEND table "  .quad .Lpath_${number}, .Lbegin_${number}, .Lend_${number} - .Lbegin_${number}\n")
    math(EXPR number "${number} + 1")
  endforeach()
  string(APPEND table "  .quad 0, 0, 0\n.section .note.GNU-stack, \"\", @progbits\n")
  set(assembler ${CMAKE_CURRENT_BINARY_DIR}/embedded.S)
  file(CONFIGURE OUTPUT ${assembler} CONTENT "${data}${table}" @ONLY)
  set_source_files_properties(${assembler} PROPERTIES OBJECT_DEPENDS "${files}")
  set(${out} ${assembler} PARENT_SCOPE)
endfunction()

# celere_embed_file(OUT_VARIABLE SYMBOL FILE): an assembler file that carries FILE between SYMBOL_begin and SYMBOL_end.
function(celere_embed_file out symbol file)
  set(assembler ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  string(CONCAT text
    ".section .rodata\n.globl ${symbol}_begin\n${symbol}_begin: .incbin \"${file}\"\n"
    ".globl ${symbol}_end\n${symbol}_end: .byte 0\n.section .note.GNU-stack, \"\", @progbits\n")
  file(CONFIGURE OUTPUT ${assembler} CONTENT "${text}" @ONLY)
  set_source_files_properties(${assembler} PROPERTIES OBJECT_DEPENDS "${file}")
  set(${out} ${assembler} PARENT_SCOPE)
endfunction()
