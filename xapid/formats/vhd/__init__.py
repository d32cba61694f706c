"""VHD, the format of disks in transfers: fixed, dynamic and differencing, by Microsoft's specification 1.0."""
