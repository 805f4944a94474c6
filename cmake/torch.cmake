# libtorch for the worker: CELERE_TORCH is the folder of PyPI's torch wheel (./dev worker sets it); empty: no worker.
#
# The wheel needs CUDA 13's libcupti and libcudart at run time even on a CPU: CELERE_CUDA_LIBRARIES is the folder that has
# them, a toolkit's or that of two small packages. With CELERE_CUDA the GPU libraries are linked too.

set(CELERE_TORCH "" CACHE PATH "Folder of the torch wheel (with include/ and lib/); empty: no worker")
set(CELERE_CUDA_LIBRARIES "/usr/local/cuda/lib64" CACHE STRING "Folders of libcudart.so.13 and libcupti.so.13, ';' between")
option(CELERE_CUDA "Link libtorch's CUDA part (needs a CUDA 13 toolkit)" OFF)

if(CELERE_TORCH)
  add_library(celere_torch INTERFACE)
  # The wheel carries headers of another fmt than the one that is linked: ours is found first.
  find_path(fmt_folder fmt/format.h REQUIRED)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/fmt_first)
  file(CREATE_LINK ${fmt_folder}/fmt ${CMAKE_BINARY_DIR}/fmt_first/fmt SYMBOLIC)
  target_include_directories(celere_torch SYSTEM BEFORE INTERFACE ${CMAKE_BINARY_DIR}/fmt_first)
  target_include_directories(celere_torch SYSTEM INTERFACE
    ${CELERE_TORCH}/include ${CELERE_TORCH}/include/torch/csrc/api/include)
  target_link_directories(celere_torch INTERFACE ${CELERE_TORCH}/lib)
  target_link_libraries(celere_torch INTERFACE torch_cpu c10)
  # at::parallel_for is a header: without OpenMP it is a serial loop. The runtime is the wheel's own libgomp.
  target_compile_options(celere_torch INTERFACE -fopenmp)
  target_link_options(celere_torch INTERFACE -fopenmp)
  # GCC 12 sees overflows, and uninitialized halves of intrinsics, in libtorch's inlined headers that are not there.
  target_compile_options(celere_torch INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-free-nonheap-object
    -Wno-uninitialized -fpch-preprocess)  # the last for ccache, which must see what a precompiled header holds
  # DT_RPATH, not RUNPATH: libtorch's own dependencies are looked for there too.
  set(rpath "-Wl,--disable-new-dtags,-rpath,${CELERE_TORCH}/lib")
  foreach(folder ${CELERE_CUDA_LIBRARIES})
    string(APPEND rpath ",-rpath,${folder}")
    target_link_directories(celere_torch INTERFACE ${folder})
    target_link_options(celere_torch INTERFACE "-Wl,-rpath-link,${folder}")
  endforeach()
  target_link_options(celere_torch INTERFACE "${rpath}")
  if(CELERE_CUDA)
    find_package(CUDAToolkit 13 REQUIRED)
    target_include_directories(celere_torch SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
    # The wheel's own dependencies (a newer NCCL, NVSHMEM, cuSPARSELt) need be there only where a GPU is: what is missing
    # in its libraries is no error here, what is missing in our files still is.
    target_link_options(celere_torch INTERFACE -Wl,--no-as-needed -Wl,--allow-shlib-undefined)
    target_link_libraries(celere_torch INTERFACE torch_cuda c10_cuda CUDA::cudart nccl)
  endif()
endif()

# celere_kernels(TARGET SOURCE...): compiles each source once for AVX2 and once for AVX-512, in namespaces of their own
# (CELERE_CAPABILITY), with ATen's vectors of that width.
function(celere_kernels target)
  set(flags_avx2 -mavx2 -mfma -mf16c)
  set(flags_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mf16c)
  set(name_avx2 AVX2)
  set(name_avx512 AVX512)
  foreach(capability avx2 avx512)
    set(upper ${name_${capability}})
    add_library(${target}_${capability} OBJECT ${ARGN})
    target_link_libraries(${target}_${capability} PUBLIC celere_flags celere_torch)
    target_compile_definitions(${target}_${capability} PRIVATE
      CPU_CAPABILITY=${upper} CPU_CAPABILITY_${upper} CELERE_CAPABILITY=${capability})
    target_compile_options(${target}_${capability} PRIVATE ${flags_${capability}} -O3 -ffp-contract=fast)
    target_link_libraries(${target} PUBLIC $<TARGET_OBJECTS:${target}_${capability}>)
  endforeach()
endfunction()
